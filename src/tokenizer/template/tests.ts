/** What stands behind `is`. */
import type { Registry } from "./sequence_filters";
import { binary, compare, contains, equals, iterate, lengthOf } from "./operators";
import { stringMethods } from "./methods";
import { str } from "./text";
import {
  Args,
  asNumber,
  Dict,
  Float,
  Func,
  Generator,
  isInt,
  Struct,
  TemplateError,
  truthy,
  Undefined,
  type Value,
  View,
} from "./values";

type Test = (value: Value, args: Args) => boolean;

const against =
  (operator: string): Test =>
  (value, args) =>
    compare(operator, value, args.bind("test", "other")[0]);

const modulo = (value: Value, by: Value, rest: number) => equals(binary("%", value, by), rest);

function attempt(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof TemplateError && /not iterable|has no len/.test(error.message)) return false;
    throw error;
  }
}

const textTest =
  (name: string): Test =>
  (value) =>
    truthy(stringMethods[name]?.(str(value), new Args()));

export function tests(known: (kind: keyof Registry, name: string) => boolean): Record<string, Test> {
  return {
    "!=": against("!="),
    "<": against("<"),
    "<=": against("<="),
    "==": against("=="),
    ">": against(">"),
    ">=": against(">="),
    boolean: (value) => typeof value === "boolean",
    callable: (value) => value instanceof Func || (value instanceof Struct && value.call !== undefined),
    defined: (value) => !(value instanceof Undefined),
    divisibleby: (value, args) => modulo(value, args.bind("divisibleby", "num")[0], 0),
    eq: against("=="),
    equalto: against("=="),
    escaped: () => false,
    even: (value) => modulo(value, 2, 0),
    false: (value) => value === false,
    filter: (value) => known("filter", str(value)),
    float: (value) => value instanceof Float,
    ge: against(">="),
    greaterthan: against(">"),
    gt: against(">"),
    in: (value, args) => contains(args.bind("in", "seq")[0], value),
    integer: (value) => isInt(value) && typeof value !== "boolean",
    iterable: (value) => value instanceof Generator || attempt(() => iterate(value)),
    le: against("<="),
    lessthan: against("<"),
    lower: textTest("islower"),
    lt: against("<"),
    mapping: (value) => value instanceof Dict,
    ne: against("!="),
    none: (value) => value === null,
    number: (value) => asNumber(value) !== undefined,
    odd: (value) => modulo(value, 2, 1),
    sameas: (value, args) => {
      const [other] = args.bind("sameas", "other");
      return value === other || (value instanceof Float && other instanceof Float && value.value === other.value);
    },
    // Views and numbers have no elements.
    sequence: (value) => !(value instanceof Struct) && attempt(() => lengthOf(value)) && !(value instanceof View),
    string: (value) => typeof value === "string",
    test: (value) => known("test", str(value)),
    true: (value) => value === true,
    undefined: (value) => value instanceof Undefined,
    upper: textTest("isupper"),
  };
}
