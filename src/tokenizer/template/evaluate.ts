/** Evaluates the expressions of a template. */
import { getAttribute, getItem, Slice } from "./attributes";
import { type Filter, valueFilters } from "./filters";
import { globals, unknownName } from "./globals";
import { spend, spendText } from "./limits";
import type { ArgNodes, Expr } from "./nodes";
import { binary, compare, iterate, sign } from "./operators";
import { type Registry, sequenceFilters } from "./sequence_filters";
import { tests } from "./tests";
import { str } from "./text";
import {
  Args,
  defined,
  Dict,
  Func,
  Struct,
  TemplateError,
  truthy,
  Tuple,
  tuple,
  typeName,
  Undefined,
  type Value,
} from "./values";

/** The names of a block, and those around it. */
export class Scope {
  readonly #names = new Map<string, Value>();
  constructor(readonly parent?: Scope) {}

  get(name: string): Value {
    for (let scope: Scope | undefined = this; scope; scope = scope.parent) {
      const value = scope.#names.get(name);
      if (value !== undefined) return value;
    }
    return globals.get(name) ?? unknownName(name);
  }
  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}

const registry: Registry = {
  filter(name, value, args) {
    const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
    if (!filter) throw new TemplateError(`No filter named '${name}'`);
    if (filter.length === 1) args.bind(name);
    return filter(value, args);
  },
  test(name, value, args) {
    const test = Object.hasOwn(allTests, name) ? allTests[name] : undefined;
    if (!test) throw new TemplateError(`No test named '${name}'`);
    if (test.length < 2) args.bind(name);
    return test(value, args);
  },
};
const filters: Record<string, Filter> = { ...valueFilters, ...sequenceFilters(registry) };
const allTests = tests((kind, name) => Object.hasOwn(kind === "filter" ? filters : allTests, name));

/** Calls a value. */
export function callValue(callee: Value, args: Args): Value {
  defined(callee);
  if (callee instanceof Func) return callee.call(args);
  if (callee instanceof Struct && callee.call) return callee.call(args);
  throw new TemplateError(`'${typeName(callee)}' object is not callable`);
}

export function evaluateArgs({ list, named, star, starStar }: ArgNodes, scope: Scope): Args {
  const values = list.map((node) => evaluate(node, scope));
  const byName = new Map(named.map(([name, node]) => [name, evaluate(node, scope)] as const));
  if (star) values.push(...iterate(evaluate(star, scope)));
  if (starStar) {
    const more = defined(evaluate(starStar, scope));
    if (!(more instanceof Dict)) throw new TemplateError(`argument after ** must be a mapping, not ${typeName(more)}`);
    for (const [name, value] of more.entries()) byName.set(str(name), value);
  }
  return new Args(values, byName);
}

/** A filter on what a block has written, or on the input that the filter names itself. */
export function applyFilter(node: Expr, scope: Scope, body?: string): Value {
  if (node.type !== "filter") return evaluate(node, scope);
  const input = node.input ? applyFilter(node.input, scope, body) : (body ?? "");
  return registry.filter(node.name, input, evaluateArgs(node.args, scope));
}

export function evaluate(node: Expr, scope: Scope): Value {
  spend(1);
  switch (node.type) {
    case "const":
      return node.value;
    case "name":
      return scope.get(node.name);
    case "list":
      return node.items.map((item) => evaluate(item, scope));
    case "tuple":
      return tuple(...node.items.map((item) => evaluate(item, scope)));
    case "dict":
      return new Dict(node.entries.map(([key, value]) => [evaluate(key, scope), evaluate(value, scope)] as const));
    case "attribute":
      return getAttribute(evaluate(node.object, scope), node.name);
    case "item":
      return getItem(evaluate(node.object, scope), evaluate(node.key, scope));
    case "slice": {
      const part = (expr: Expr | undefined) => (expr ? evaluate(expr, scope) : null);
      return new Slice(part(node.start), part(node.stop), part(node.step));
    }
    case "call":
      return callValue(evaluate(node.callee, scope), evaluateArgs(node.args, scope));
    case "filter":
      return applyFilter(node, scope);
    case "test":
      return registry.test(node.name, evaluate(node.input, scope), evaluateArgs(node.args, scope));
    case "not":
      return !truthy(evaluate(node.operand, scope));
    case "-":
    case "+":
      return sign(node.type, evaluate(node.operand, scope));
    case "and": {
      const left = evaluate(node.left, scope);
      return truthy(left) ? evaluate(node.right, scope) : left;
    }
    case "or": {
      const left = evaluate(node.left, scope);
      return truthy(left) ? left : evaluate(node.right, scope);
    }
    case "binary":
      return binary(node.operator, evaluate(node.left, scope), evaluate(node.right, scope));
    case "compare":
      return compareAll(node, scope);
    case "concat": {
      const parts = node.parts.map((part) => str(evaluate(part, scope)));
      spendText(parts.reduce((sum, part) => sum + part.length, 0));
      return parts.join("");
    }
    case "if": {
      if (truthy(evaluate(node.test, scope))) return evaluate(node.then, scope);
      if (node.otherwise) return evaluate(node.otherwise, scope);
      return new Undefined("the inline if-expression evaluated to false and no else section was defined.");
    }
  }
}

/** `a < b < c`: each operand is evaluated once, up to the first comparison that fails. */
function compareAll({ left, operations }: Expr & { type: "compare" }, scope: Scope): boolean {
  let before = evaluate(left, scope);
  for (const [operator, operand] of operations) {
    const value = evaluate(operand, scope);
    if (!compare(operator, before, value)) return false;
    before = value;
  }
  return true;
}

/** Assigns the elements of a value to several names. */
export function unpack(value: Value, count: number): Value[] {
  const items = iterate(defined(value));
  if (items.length > count) throw new TemplateError(`too many values to unpack (expected ${count})`);
  if (items.length < count)
    throw new TemplateError(`not enough values to unpack (expected ${count}, got ${items.length})`);
  return items instanceof Tuple ? [...items] : items;
}
