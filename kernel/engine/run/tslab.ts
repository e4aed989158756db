/**
 * The parts of tslab that run here: its executor and its `tslab` module. Both ask for tslab's own TypeScript compiler, which
 * nothing here compiles with: they get what they read of it, so that half a second and 60 MB are saved.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { createExecutor } from "tslab/dist/executor";

/** tslab's folder. */
export const tslabRoot: string = dirname(require.resolve("tslab/package.json"));

/** The file that `import "tslab"` loads. */
export const tslabMain: string = require.resolve("tslab");

/** Its declarations. */
export const tslabTypes: string = join(tslabRoot, "dist", "public.d.ts");

const EXECUTOR = join(tslabRoot, "dist", "executor.js");
const COMPILER = "@tslab/typescript-for-tslab";

/** Tokens of the compiler's scanner. An executor that is given no text sees the end of it. */
const END_OF_FILE = 1;

/** Puts something in the place of tslab's compiler, for the modules that are loaded meanwhile. */
function withoutCompiler<T>(load: () => T): T {
  const own = createRequire(EXECUTOR);
  const path = own.resolve(COMPILER);
  const { version } = own(`${COMPILER}/package.json`) as { version: string };
  const exports = {
    version,
    ScriptTarget: {},
    LanguageVariant: {},
    sys: {},
    SyntaxKind: { FirstTriviaToken: 2, LastTriviaToken: 7 },
    createScanner: () => ({ setLanguageVariant() {}, setText() {}, scan: () => END_OF_FILE }),
  };
  const before = require.cache[path];
  require.cache[path] = { id: path, filename: path, loaded: true, exports, children: [], paths: [] } as never;
  try {
    return load();
  } finally {
    if (before) require.cache[path] = before;
    else delete require.cache[path];
  }
}

/** tslab's `createExecutor`. */
export function loadExecutor(): typeof createExecutor {
  const parts = withoutCompiler(() => require(EXECUTOR) as { createExecutor?: typeof createExecutor });
  if (typeof parts.createExecutor !== "function") {
    throw new Error('tslab has no function createExecutor: the kernel needs tslab 1.0.22; "npm ci" installs it.');
  }
  return parts.createExecutor;
}

/** What tslab's display functions show. */
export interface TslabDisplay {
  data: Record<string, unknown>;
  metadata?: Record<string, unknown>;
  transient?: { display_id?: string };
}

/** The `tslab` module; what its display functions show goes to `show`. */
export function loadTslab(show: (content: TslabDisplay, update: boolean) => void): unknown {
  return withoutCompiler(() => {
    const jupyter = require(join(tslabRoot, "dist", "jupyter.js")) as { lastWriteDisplayData: typeof show };
    jupyter.lastWriteDisplayData = show;
    return require(tslabMain);
  });
}
