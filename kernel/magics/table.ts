/** All magics, and the way to run a cell that may hold some. */
import { capture } from "./capture";
import { lsmagic } from "./lsmagic";
import type { Magic, MagicContext } from "./magic";
import { runCellWith } from "./run_cell";
import { bash, sh } from "./shell";
import { time } from "./time";
import { timeit } from "./timeit";

/** Every magic there is, in the order in which they are listed. */
export const magics: readonly Magic[] = [timeit, time, capture, sh, bash, lsmagic(() => magics)];

/** Runs a cell; its value is that of its last expression. */
export function runCell(context: MagicContext, source: string): Promise<unknown> {
  return runCellWith(magics, context, source);
}
