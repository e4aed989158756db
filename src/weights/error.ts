/** The error of everything that reads model files: one sentence that names the file, what is wrong and what to do. */

/** A model file that is damaged, foreign or not supported. `file` is its path. */
export class WeightsError extends Error {
  override name = "WeightsError";
  readonly file: string;

  constructor(file: string, message: string) {
    super(message);
    this.file = file;
  }
}
