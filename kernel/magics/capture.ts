/** `%%capture [name]`: runs a cell and keeps what it prints and shows. */
import { host, type MimeBundle } from "../../src/host";
import type { Magic } from "../../src/magic";
import { nameOption } from "./options";

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

export const capture: Magic = {
  name: "capture",
  kinds: ["cell"],
  summary: "Runs a cell and keeps what it prints and shows, in a variable when one is named.",
  argument: "[NAME]",
  details:
    "The variable has stdout and stderr, which are text, outputs, and show(), which shows all of it below another cell.",
  options: [
    { flag: "--no-stderr", summary: "let through what is printed to stderr" },
    { flag: "--no-stdout", summary: "let through what is printed" },
    { flag: "--no-display", summary: "let through what is shown" },
  ],
  typescript: ["body"],
  example: '%%capture out --no-stderr\nconsole.log("kept")',
  async run(context, { options, rest, body }) {
    const name = rest === "" ? undefined : nameOption(rest, "%%capture");
    let failure: { error: unknown } | undefined;
    const kept = await context.capture(async () => {
      try {
        await context.evaluate(body ?? "");
      } catch (error) {
        failure = { error };
      }
    });
    const passes = (flag: string): boolean => options.has(flag);
    if (passes("--no-stdout")) context.write("stdout", kept.stdout);
    if (passes("--no-stderr")) context.write("stderr", kept.stderr);
    if (passes("--no-display")) for (const output of kept.outputs) context.display(output);
    if (name !== undefined) {
      const result = new CapturedIO(
        passes("--no-stdout") ? "" : kept.stdout,
        passes("--no-stderr") ? "" : kept.stderr,
        passes("--no-display") ? [] : kept.outputs,
      );
      await context.setVariable(name, result);
    }
    if (failure) throw failure.error;
    return undefined;
  },
};
