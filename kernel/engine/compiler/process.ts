/**
 * The compiler's own process: its memory and its garbage are not the cells', and it answers while a cell computes. It is
 * called by messages, and ends when its parent does.
 */
import type ts from "typescript";
import { type Answer, answer, type Call } from "./calls";
import { type CompilerOptions, SessionCompiler } from "./compiler";
import { newDocuments } from "./program";

/** Serves its parent. `documents`: the libraries, already read. */
export function start(documents?: ts.DocumentRegistry): void {
  const { gc } = globalThis as { gc?: (options?: { type: "minor" }) => void };
  const compiler = new SessionCompiler(JSON.parse(process.argv[2] as string) as CompilerOptions, documents);
  // While the cell runs. Young garbage goes each time: once it has grown old, it makes a session grow.
  const tidy = (): void => (compiler.tidy() ? gc?.() : gc?.({ type: "minor" }));
  process.on("message", (call: Call) => {
    void answer(compiler, call).then((message: Answer) => {
      process.send?.(message);
      if (call.method === "keep") setImmediate(tidy);
    });
  });
  process.on("disconnect", () => process.exit(0));
  // An interrupt from a terminal is meant for the cell.
  process.on("SIGINT", () => undefined);
}

/** Reads the libraries, by cells that also have most of the compiler's code compiled, for a snapshot. */
export async function prepare(): Promise<ts.DocumentRegistry> {
  const documents = newDocuments();
  // A folder that has neither packages nor a tsconfig.json of its own: Node's types are those that any other finds.
  const compiler = new SessionCompiler({ folder: __dirname, language: "typescript", tslabTypes: "" }, documents);
  const cells = [
    "const numbers: number[] = [1]; class Box<T> { constructor(readonly value: T) {} }",
    "async function twice(x: number) { return [x, x] }; new Box(await twice(numbers[0])).value.map((x) => x + 1)",
  ];
  for (const text of cells) {
    const { id } = await compiler.cell(text);
    await compiler.keep(id);
    compiler.tidy();
  }
  // Completion would make a collator, which no snapshot can hold.
  await compiler.inspect("numbers.map", 9);
  return documents;
}

if (require.main === module) start();
