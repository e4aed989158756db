/** Finds the Python whose libraries some tests compare with; without one those tests are skipped and say so. */
import { spawnSync } from "node:child_process";

const found = new Map<string, string | undefined>();

/**
 * A Python that has the given modules: the one that PHI3LAB_REFERENCE_PYTHON names, or python3 on the PATH.
 *
 * @param context The running test (or hook), which is skipped where there is none.
 */
export function referencePython(context: Mocha.Context, ...modules: string[]): string {
  const key = modules.join(" ");
  if (!found.has(key)) found.set(key, search(modules));
  const python = found.get(key);
  if (python !== undefined) return python;
  console.log(
    `      skipped: needs Python with ${modules.join(", ")}; pip install them, name it in PHI3LAB_REFERENCE_PYTHON`,
  );
  return context.skip();
}

function search(modules: string[]): string | undefined {
  const code = "import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))";
  const candidates = [process.env.PHI3LAB_REFERENCE_PYTHON, "python3", "python"];
  return candidates.find((python) => python && spawnSync(python, ["-c", code, ...modules]).status === 0);
}
