/**
 * Which names a block makes its own. Jinja decides it before anything runs: a name that a block assigns, outside of an
 * `if`, before it reads it is undefined until then, whatever the template was given under that name.
 */
import type { Body, Expr, Statement, Target } from "./nodes";

export interface Names {
  /** Every name that the block itself reads or assigns; not those of blocks inside. */
  mentioned: ReadonlySet<string>;
  /** Those that it assigns first. */
  assignedFirst: readonly string[];
}

const known = new WeakMap<Body, Names>();

export function namesOf(body: Body): Names {
  const found = known.get(body);
  if (found) return found;
  const mentioned = new Set<string>();
  const assignedFirst: string[] = [];
  for (const statement of body) {
    for (const name of read(statement)) mentioned.add(name);
    for (const name of assigned(statement)) {
      if (!mentioned.has(name)) assignedFirst.push(name);
      mentioned.add(name);
    }
  }
  const names = { mentioned, assignedFirst };
  known.set(body, names);
  return names;
}

/** The names that a target assigns. */
export function targetNames(target: Target): string[] {
  if (target.type === "tuple") return target.items.flatMap(targetNames);
  return target.type === "name" ? [target.name] : [];
}

function assigned(statement: Statement): string[] {
  if (statement.type === "set" || statement.type === "set_block") return targetNames(statement.target);
  return statement.type === "macro" ? [statement.name] : [];
}

function read(statement: Statement): string[] {
  switch (statement.type) {
    case "print":
      return statement.values.flatMap(namesIn);
    case "for":
      return namesIn(statement.items);
    case "set":
      return [...namesIn(statement.value), ...namespaces(statement.target)];
    case "set_block":
      return namespaces(statement.target);
    case "call_block":
      return namesIn(statement.call);
    case "filter_block":
      return namesIn(statement.filter);
    case "with":
      return statement.assignments.flatMap(([, value]) => namesIn(value));
    case "if": {
      // What may or may not be assigned is looked up as what is read.
      const bodies = [...statement.branches.map(([, body]) => body), statement.otherwise];
      return [
        ...statement.branches.flatMap(([test]) => namesIn(test)),
        ...bodies.flatMap((body) => [...namesOf(body).mentioned]),
      ];
    }
    default:
      return [];
  }
}

function namespaces(target: Target): string[] {
  if (target.type === "tuple") return target.items.flatMap(namespaces);
  return target.type === "namespace" ? [target.name] : [];
}

function namesIn(node: Expr): string[] {
  if (node.type === "name") return [node.name];
  const names: string[] = [];
  const walk = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    const { type, name } = part as { type?: string; name?: string };
    if (type === "name") names.push(name as string);
    else if (type !== "const") for (const inner of Object.values(part)) walk(inner);
  };
  walk(node);
  return names;
}
