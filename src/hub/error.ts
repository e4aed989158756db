/** The error of everything that finds or fetches models. */

/** A model that is nowhere, is not given out, or could not be fetched; its message says what to do. */
export class HubError extends Error {
  override name = "HubError";
  /** The HTTP status that led to it, if any. */
  readonly status: number | undefined;

  constructor(message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
  }
}
