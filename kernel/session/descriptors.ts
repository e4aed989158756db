/**
 * The main thread's part of capturing the process's own descriptors: what a child, `fs.writeSync(1, …)` or native code has
 * written is taken in before the cell prints more, so that all of it stays in order.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { readWaiting, type Stream } from "../protocol/descriptors";
import type { Supervised } from "../protocol/supervised";
import type { Wire } from "../protocol/wire";
import { lastCell, setTakeIn } from "./cell";

/**
 * Between two looks into the pipes, in milliseconds. A look costs about as much as a print, and what else writes is a child,
 * which takes longer than this to start, or Node's own `fs`, which says so.
 */
const LOOK_MS = 0.1;

/** From now on what waits in the pipes is taken in, in order. Call it once the sockets' thread is there. */
export function captureDescriptors(pipes: Supervised, wire: Wire): void {
  let looked = 0;
  let written = false;
  setTakeIn((always) => {
    const now = performance.now();
    if (!always && !written && now - looked < LOOK_MS) {
      return;
    }
    looked = now;
    written = false;
    wire.reading(() => {
      for (const stream of ["stdout", "stderr"] as Stream[]) {
        const bytes = readWaiting(pipes[stream]);
        if (bytes.length > 0) {
          lastCell()?.writeDescriptor(stream, bytes);
        }
      }
    });
  });
  const noting = <F extends (descriptor: number, ...rest: never[]) => unknown>(write: F): F => {
    const noted = (descriptor: number, ...rest: never[]): unknown => {
      written ||= descriptor === 1 || descriptor === 2;
      return write(descriptor, ...rest);
    };
    return Object.defineProperties(noted, Object.getOwnPropertyDescriptors(write)) as unknown as F;
  };
  fs.write = noting(fs.write as never);
  fs.writeSync = noting(fs.writeSync as never);
  syncBuiltinESMExports();
}
