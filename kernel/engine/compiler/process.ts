/**
 * The compiler's own process: its memory and its garbage are not the cells', and it answers while a cell computes. It is
 * called by messages, and ends when its parent does.
 */
import { type Answer, answer, type Call } from "./calls";
import { type CompilerOptions, SessionCompiler } from "./compiler";

/** Garbage is collected after so many kept cells: young garbage that grew old is what makes a session grow. */
const COLLECT_EVERY = 10;

const { gc } = globalThis as { gc?: () => void };
const compiler = new SessionCompiler(JSON.parse(process.argv[2] as string) as CompilerOptions);
let kept = 0;

process.on("message", (call: Call) => {
  void answer(compiler, call).then((message: Answer) => {
    process.send?.(message);
    if (call.method !== "keep") return;
    kept += 1;
    if (kept % COLLECT_EVERY === 0) setImmediate(() => gc?.());
  });
});
process.on("disconnect", () => process.exit(0));
// An interrupt from a terminal is meant for the cell.
process.on("SIGINT", () => undefined);
