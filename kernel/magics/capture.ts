/** `%%capture [name]`: runs a cell and keeps what it prints and shows. */
import { host, type MimeBundle } from "../../src/host";
import type { Magic } from "./magic";

/** What `%%capture name` leaves in `name`. */
export class CapturedIO {
  constructor(
    readonly stdout: string,
    readonly stderr: string,
    readonly outputs: MimeBundle[],
  ) {}

  /** Prints and shows all of it after all, below the cell that runs. */
  show(): void {
    if (this.stdout) process.stdout.write(this.stdout);
    if (this.stderr) process.stderr.write(this.stderr);
    for (const output of this.outputs) host()?.display(output);
  }

  toString(): string {
    return this.stdout;
  }
}

const flags = ["--no-stderr", "--no-stdout", "--no-display"];

export const capture: Magic = {
  name: "capture",
  kinds: ["cell"],
  summary:
    "Runs a cell and keeps what it prints and shows, in a variable when one is named; --no-stdout, --no-stderr, --no-display let a kind through.",
  async run(context, line, body) {
    const words = line.split(/\s+/).filter(Boolean);
    const through = words.filter((word) => word.startsWith("-"));
    const names = words.filter((word) => !word.startsWith("-"));
    const unknown = through.find((word) => !flags.includes(word));
    if (unknown !== undefined) throw new Error(`%%capture has no option ${unknown}; it knows ${flags.join(", ")}`);
    if (names.length > 1 || names.some((name) => !/^[A-Za-z_$][\w$]*$/.test(name)))
      throw new Error(`Expected at most one variable's name for %%capture but received ${names.join(" ")}`);
    let failure: { error: unknown } | undefined;
    const kept = await context.capture(async () => {
      try {
        await context.evaluate(body ?? "");
      } catch (error) {
        failure = { error };
      }
    });
    const passes = (flag: string): boolean => through.includes(flag);
    if (passes("--no-stdout")) context.write("stdout", kept.stdout);
    if (passes("--no-stderr")) context.write("stderr", kept.stderr);
    if (passes("--no-display")) for (const output of kept.outputs) context.display(output);
    if (names[0] !== undefined) {
      const result = new CapturedIO(
        passes("--no-stdout") ? "" : kept.stdout,
        passes("--no-stderr") ? "" : kept.stderr,
        passes("--no-display") ? [] : kept.outputs,
      );
      await context.setVariable(names[0], result);
    }
    if (failure) throw failure.error;
    return undefined;
  },
};
