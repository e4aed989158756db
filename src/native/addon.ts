/** The one file that loads the C++ addon. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { CpuInfo, CudaInfo } from "./devices";
import type { AbortFlag } from "./handles";
import type { NativeModel } from "./model";
import type { OpenOptions } from "./open";

export interface Addon {
  cpu(): CpuInfo;
  cuda(): CudaInfo;
  open(options: OpenOptions): Promise<NativeModel>;
  AbortFlag: new () => AbortFlag;
  /** What is called where a device has too little memory, before the work is tried once more; it calls `done` in the end. */
  onOutOfMemory(collect: (done: () => void) => void): void;
}

/** Where set-up builds the addon, seen from `src/native/` and from `dist/src/native/`. */
const places = ["../..", "../../.."].map((up) => join(__dirname, up, "build-addon", "Release", "phi3lab.node"));
let loaded: Addon | undefined;

/**
 * The addon, loaded at the first call. `PHI3LAB_ADDON` names another file.
 *
 * @throws Error when it is not built, with the command that builds it, or does not load.
 */
export function addon(): Addon {
  if (loaded) return loaded;
  const named = process.env.PHI3LAB_ADDON;
  const file = named ?? places.find((path) => existsSync(path));
  if (file === undefined || !existsSync(file))
    throw new Error(
      named === undefined
        ? "The native half of phi3lab is not built: run `node scripts/setup.mjs` in a checkout, or `npx phi3lab build` where it is installed"
        : `There is no addon at ${named}, which PHI3LAB_ADDON names`,
    );
  try {
    loaded = require(file) as Addon;
  } catch (error) {
    throw new Error(`The native half of phi3lab does not load from ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  loaded.onOutOfMemory(collectGarbage);
  return loaded;
}

/** Frees the results that nobody holds any more: their finalizers run in the event loop's next turns. */
function collectGarbage(done: () => void): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  setImmediate(() => setImmediate(done));
}
