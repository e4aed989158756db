/** Runs the statements of a template. */
import { applyFilter, callValue, evaluate, evaluateArgs, Scope, unpack } from "./evaluate";
import { limits, spend, spendGrowth } from "./limits";
import type { Body, Expr, Signature, Statement, Target } from "./nodes";
import { equals, iterate } from "./operators";
import { str } from "./text";
import {
  Args,
  Dict,
  firstOf,
  Func,
  Namespace,
  Struct,
  TemplateError,
  truthy,
  tuple,
  Undefined,
  type Value,
} from "./values";

/** What a body has written so far. */
export class Output {
  #length = 0;
  readonly #parts: string[] = [];

  write(text: string): void {
    this.#length += text.length;
    spendGrowth(this.#length, text.length);
    this.#parts.push(text);
  }
  get text(): string {
    return this.#parts.join("");
  }
}

/** How a body ended: by itself, or by a statement of the loop around. */
type End = "break" | "continue" | undefined;

let depth = 0;

/** Guards what calls itself. */
function nested<T>(run: () => T): T {
  if (++depth > limits.depth) {
    depth = 0;
    throw new TemplateError(`it calls macros more than ${limits.depth} deep`);
  }
  try {
    return run();
  } finally {
    depth = Math.max(0, depth - 1);
  }
}

/** The line that ran last, for errors. */
export const place = { line: 0 };

export function execute(body: Body, scope: Scope, output: Output): End {
  for (const statement of body) {
    const end = step(statement, scope, output);
    if (end) return end;
  }
  return undefined;
}

function textOf(body: Body, scope: Scope): string {
  const output = new Output();
  execute(body, scope, output);
  return output.text;
}

function step(statement: Statement, scope: Scope, output: Output): End {
  spend(1);
  place.line = statement.line;
  switch (statement.type) {
    case "text":
      output.write(statement.value);
      return undefined;
    case "print":
      for (const value of statement.values) output.write(str(evaluate(value, scope)));
      return undefined;
    case "for":
      return loop(statement, scope, output);
    case "if": {
      const branch = statement.branches.find(([test]) => truthy(evaluate(test, scope)));
      return execute(branch ? branch[1] : statement.otherwise, scope, output);
    }
    case "set":
      assign(statement.target, evaluate(statement.value, scope), scope);
      return undefined;
    case "set_block": {
      const text = textOf(statement.body, new Scope(scope));
      const { filter } = statement;
      assign(statement.target, filter ? applyFilter(filter, scope, text) : text, scope);
      return undefined;
    }
    case "macro":
      scope.set(statement.name, macro(statement.name, statement.signature, statement.body, scope));
      return undefined;
    case "call_block": {
      const { call, signature, body } = statement;
      const caller = macro("caller", signature, body, scope);
      const { list, named } = evaluateArgs(call.args, scope);
      const args = new Args(list, new Map([...named, ["caller", caller]]));
      output.write(str(callValue(evaluate(call.callee, scope), args)));
      return undefined;
    }
    case "filter_block":
      output.write(str(applyFilter(statement.filter, scope, textOf(statement.body, new Scope(scope)))));
      return undefined;
    case "with": {
      const inner = new Scope(scope);
      const values = statement.assignments.map(([, value]) => evaluate(value, scope));
      for (const [i, [target]] of statement.assignments.entries()) assign(target, values[i], inner);
      return execute(statement.body, inner, output);
    }
    case "scope":
      return execute(statement.body, new Scope(scope), output);
    default:
      return statement.type;
  }
}

function assign(target: Target, value: Value, scope: Scope): void {
  if (target.type === "name") scope.set(target.name, value);
  else if (target.type === "tuple") {
    const values = unpack(value, target.items.length);
    for (const [i, item] of target.items.entries()) assign(item, values[i], scope);
  } else {
    const object = scope.get(target.name);
    if (!(object instanceof Namespace)) throw new TemplateError("cannot assign attribute on non-namespace object");
    object.set(target.attribute, value);
  }
}

function loop(statement: Statement & { type: "for" }, scope: Scope, output: Output): End {
  const run = (items: Value, into: Output, level: number): End => {
    const recurse = (args: Args) =>
      nested(() => {
        const inner = new Output();
        run(args.bind("loop", "iterable")[0], inner, level + 1);
        return inner.text;
      });
    return turns(statement, items, scope, into, level, statement.recursive ? recurse : undefined);
  };
  return run(evaluate(statement.items, scope), output, 0);
}

function turns(
  { target, test, body, otherwise }: Statement & { type: "for" },
  iterable: Value,
  scope: Scope,
  output: Output,
  level: number,
  recurse: ((args: Args) => Value) | undefined,
): End {
  let items = iterate(iterable);
  if (test) {
    items = Array.from(items).filter((item) => {
      const inner = new Scope(scope);
      assign(target, item, inner);
      return truthy(evaluate(test, inner));
    });
  }
  let index = 0;
  let last: Value[] | undefined;
  const attributes: Record<string, () => Value> = {
    index0: () => index,
    index: () => index + 1,
    revindex0: () => items.length - index - 1,
    revindex: () => items.length - index,
    first: () => index === 0,
    last: () => index === items.length - 1,
    length: () => items.length,
    depth0: () => level,
    depth: () => level + 1,
    previtem: () => (index > 0 ? items[index - 1] : new Undefined("there is no previous item")),
    nextitem: () => (index + 1 < items.length ? items[index + 1] : new Undefined("there is no next item")),
    cycle: () =>
      new Func("cycle", ({ list }) => {
        if (list.length === 0) throw new TemplateError("no items for cycling given");
        return list[index % list.length];
      }),
    changed: () =>
      new Func("changed", ({ list }) => {
        const same = last !== undefined && equals(last, list);
        last = list;
        return !same;
      }),
  };
  const self = new Struct(
    "LoopContext",
    (name) => (Object.hasOwn(attributes, name) ? attributes[name]?.() : undefined),
    recurse,
  );
  for (; index < items.length; index++) {
    spend(1);
    const inner = new Scope(scope);
    inner.set("loop", self);
    assign(target, items[index], inner);
    if (execute(body, inner, output) === "break") return undefined;
  }
  if (items.length > 0) return undefined;
  return execute(otherwise, new Scope(scope), output);
}

function macro(name: string, { names, defaults }: Signature, body: Body, scope: Scope): Func {
  const optional = names.length - defaults.length;
  const run = ({ list, named }: Args): string =>
    nested(() => {
      const inner = new Scope(scope);
      const left = new Map(named);
      const defaultOf = (i: number): Value => {
        const node: Expr | undefined = defaults[i - optional];
        return node ? evaluate(node, inner) : new Undefined(`parameter '${names[i]}' was not provided`);
      };
      for (const [i, parameter] of names.entries()) {
        if (i < list.length && left.has(parameter))
          throw new TemplateError(`macro '${name}' got multiple values for argument '${parameter}'`);
        const given = i < list.length ? list[i] : left.get(parameter);
        left.delete(parameter);
        inner.set(parameter, given === undefined ? defaultOf(i) : given);
      }
      if (!names.includes("caller")) {
        inner.set("caller", firstOf(left.get("caller"), new Undefined("No caller defined")));
        left.delete("caller");
      }
      accept(name, names.length, list, left, body, inner);
      const { line } = place;
      const output = new Output();
      execute(body, inner, output);
      place.line = line;
      return output.text;
    });
  const attributes = new Map<string, Value>([
    ["name", name],
    ["arguments", tuple(...names)],
  ]);
  return new Func(name, run, attributes);
}

/** Arguments beyond a macro's parameters go to `varargs` and `kwargs`, where its body names them. */
function accept(name: string, count: number, list: Value[], left: Map<string, Value>, body: Body, scope: Scope): void {
  const more = list.slice(count);
  const text =
    more.length > 0 || left.size > 0
      ? JSON.stringify(body, (_, value) => (typeof value === "bigint" ? null : value))
      : "";
  if (more.length > 0 && !text.includes('"name":"varargs"'))
    throw new TemplateError(`macro '${name}' takes not more than ${count} argument(s)`);
  if (left.size > 0 && !text.includes('"name":"kwargs"'))
    throw new TemplateError(`macro '${name}' takes no keyword argument '${[...left.keys()][0]}'`);
  scope.set("varargs", tuple(...more));
  scope.set("kwargs", new Dict(left));
}
