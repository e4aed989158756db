/** The session's variables, with their types in a word. */
import type { SessionVariable } from "../../src/magic";
import type { Runner } from "./runner";

export function variables(runner: Runner): SessionVariable[] {
  const all = Object.entries(Object.getOwnPropertyDescriptors(runner.locals));
  // tslab keeps a cell's value among them while the cell runs.
  const own = all.filter(([name]) => !/^tsLastExpr\d*$/.test(name));
  return own.map(([name, descriptor]) => {
    const value = "value" in descriptor ? descriptor.value : read(runner.locals, name);
    return { name, type: typeName(value), value };
  });
}

/** A variable whose cell failed before it was given a value cannot be read. */
function read(locals: Record<string, unknown>, name: string): unknown {
  try {
    return locals[name];
  } catch {
    return undefined;
  }
}

/** What `typeof` says; of a class "class", of an object the name of its class. */
function typeName(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "function")
    return /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function";
  if (typeof value !== "object") return typeof value;
  try {
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    return typeof name === "string" && name !== "" ? name : "object";
  } catch {
    return "object"; // A proxy that throws.
  }
}
