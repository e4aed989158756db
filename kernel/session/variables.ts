/** The session's variables, with their types in a word. */
import type { SessionVariable } from "../../src/magic";
import type { Runner } from "./runner";

export function variables(runner: Runner): SessionVariable[] {
  return runner.variables().map(([name, value]) => ({ name, type: typeName(value), value }));
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
