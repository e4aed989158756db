/** A session of the engine in this process, without sockets: the real compiler, the real runtime, an empty folder. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SessionCompiler } from "../../../../kernel/engine/compiler/compiler";
import { Runtime } from "../../../../kernel/engine/run/runtime";
import { tslabTypes } from "../../../../kernel/engine/run/tslab";
import type { Wire } from "../../../../kernel/protocol/wire";
import { Cell } from "../../../../kernel/session/cell";
import { ErrorReporter } from "../../../../kernel/session/errors";
import { Runner } from "../../../../kernel/session/runner";

export { Unawaited } from "../../../../kernel/session/runner";

export class EngineSession {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "phi3lab-engine-")));
  readonly compiler = new SessionCompiler({ folder: this.folder, language: "typescript", tslabTypes });
  readonly runtime = new Runtime(this.compiler, this.folder, () => undefined);
  readonly reporter = new ErrorReporter(this.runtime.stacks, this.runtime.places);
  readonly #runner = new Runner(this.compiler, this.runtime, this.reporter);
  /** What cells wrote, warnings too. */
  written = "";
  #count = 0;

  /** Writes files of the notebook's folder. */
  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
  }

  /** Makes a package of the notebook's folder. */
  install(name: string, manifest: object, files: Record<string, string>): void {
    const all = { ...files, "package.json": JSON.stringify({ name, version: "1.0.0", ...manifest }) };
    this.write(Object.fromEntries(Object.entries(all).map(([file, text]) => [`node_modules/${name}/${file}`, text])));
  }

  /** The value of a cell; a promise that is one is given as it is, in a box. */
  async run(code: string): Promise<unknown> {
    this.#count += 1;
    const wire = { write: (_serial: number, _stream: string, text: string) => (this.written += text) };
    const cell = new Cell(wire as unknown as Wire, {
      ...{ serial: this.#count, count: this.#count, silent: false, allowStdin: false, source: code },
    });
    return this.#runner.runCell(cell, code);
  }

  /** What the reader sees of a cell that fails, without colours. */
  async failure(code: string): Promise<string> {
    const error: unknown = await this.run(code).then(
      () => new Error("The cell did not fail."),
      (thrown: unknown) => thrown,
    );
    return withoutColours(this.reporter.report(error).traceback.join("\n"));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** A text without the sequences that colour it. */
export function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences.
  return text.replace(/\x1b\[[\d;]*m/g, "");
}
