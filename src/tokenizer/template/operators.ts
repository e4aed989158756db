/** Python's operators between values. */
import { formatPercent } from "./format";
import { spend, spendList, spendText } from "./limits";
import { characters, str, textLength } from "./text";
import {
  asNumber,
  defined,
  Dict,
  Float,
  Generator,
  isInt,
  Namespace,
  Range,
  Struct,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values";

/** The items that a `for` goes through. */
export function iterate(value: Value): Value[] {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") {
    const letters = characters(value);
    spendList(letters.length);
    return letters;
  }
  if (value instanceof Dict) return value.keys();
  if (value instanceof View) return value.items;
  if (value instanceof Generator) return value.take();
  if (value instanceof Range) return Array.from({ length: value.length }, (_, i) => value.at(i));
  if (value instanceof Undefined) return [];
  throw new TemplateError(`'${typeName(value)}' object is not iterable`);
}

/** `len(value)`. */
export function lengthOf(value: Value): number {
  if (typeof value === "string") return textLength(value);
  if (Array.isArray(value) || value instanceof Range) return value.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View) return value.items.length;
  if (value instanceof Undefined) return 0;
  if (value instanceof Struct && value.type === "LoopContext") return value.attribute("length") as number;
  throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
}

/** `a == b`. */
export function equals(a: Value, b: Value): boolean {
  spend(1);
  if (a === b) return true;
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined) return x === y;
  if (a instanceof Undefined || b instanceof Undefined) return a instanceof Undefined && b instanceof Undefined;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length || a instanceof Tuple !== b instanceof Tuple) return false;
    return a.every((item, i) => equals(item, b[i]));
  }
  if (a instanceof Dict && b instanceof Dict) {
    return a.size === b.size && a.entries().every(([key, item]) => b.has(key) && equals(item, b.get(key)));
  }
  if (a instanceof Range && b instanceof Range) return equals(iterate(a), iterate(b));
  return false;
}

/** Less than, equal or greater: -1, 0, 1. @throws TemplateError where there is no order between the two. */
export function order(a: Value, b: Value, operator = "<"): number {
  spend(1);
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x === y ? 0 : Number.NaN;
  if (typeof a === "string" && typeof b === "string") return orderTexts(a, b);
  if (Array.isArray(a) && Array.isArray(b) && a instanceof Tuple === b instanceof Tuple) {
    for (let i = 0; i < a.length && i < b.length; i++) {
      if (!equals(a[i], b[i])) return order(a[i], b[i], operator);
    }
    return Math.sign(a.length - b.length);
  }
  defined(a);
  defined(b);
  throw new TemplateError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** By code points, where JavaScript compares by units of UTF-16. */
function orderTexts(a: string, b: string): number {
  let at = 0;
  const end = Math.min(a.length, b.length);
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  spend(at);
  if (at === end) return Math.sign(a.length - b.length);
  const rank = (code: number) => (code >= 0xd800 && code < 0xe000 ? code + 0x10000 : code);
  return rank(a.charCodeAt(at)) < rank(b.charCodeAt(at)) ? -1 : 1;
}

/** `item in container`. */
export function contains(container: Value, item: Value): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") {
      defined(item);
      throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    spend(container.length);
    return container.includes(item);
  }
  if (container instanceof Dict) return container.has(item);
  if (container instanceof Namespace || asNumber(container) !== undefined || container === null)
    throw new TemplateError(`argument of type '${typeName(container)}' is not iterable`);
  return iterate(container).some((one) => equals(one, item));
}

export function compare(operator: string, a: Value, b: Value): boolean {
  switch (operator) {
    case "==":
      return equals(a, b);
    case "!=":
      return !equals(a, b);
    case "in":
      return contains(b, a);
    case "not in":
      return !contains(b, a);
    case "<":
      return order(a, b, operator) < 0;
    case "<=":
      return order(a, b, operator) <= 0;
    case ">":
      return order(a, b, operator) > 0;
    default:
      return order(a, b, operator) >= 0;
  }
}

/** `+`, `-`, `*`, `/`, `//`, `%`, `**`. */
export function binary(operator: string, a: Value, b: Value): Value {
  if (operator === "%" && typeof a === "string") return formatPercent(a, b);
  defined(a);
  defined(b);
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined) {
    return isInt(a) && isInt(b) ? integers(operator, a, b) : new Float(floats(operator, x, y));
  }
  if (operator === "+") {
    if (isText(a) && isText(b)) {
      const [left, right] = [str(a), str(b)];
      spendText(left.length + right.length);
      return left + right;
    }
    if (Array.isArray(a) && Array.isArray(b) && a instanceof Tuple === b instanceof Tuple) {
      spendList(a.length + b.length);
      return a.concat(b);
    }
    if (typeof a === "string") throw new TemplateError(`can only concatenate str (not "${typeName(b)}") to str`);
  }
  if (operator === "*") {
    if (isInt(b)) return repeated(a, b);
    if (isInt(a)) return repeated(b, a);
  }
  throw new TemplateError(`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

/** The arguments of a tool call may be pasted into text. */
function isText(value: Value): boolean {
  return typeof value === "string" || (value instanceof Dict && value.asJson);
}

function repeated(value: Value, times: number | bigint | boolean): Value {
  const count = Math.max(0, Number(times));
  if (Math.abs(Number(times)) >= 2 ** 63) throw new TemplateError("cannot fit 'int' into an index-sized integer");
  if (typeof value === "string") {
    if (value === "") return "";
    spendText(value.length * count);
    return value.repeat(count);
  }
  if (!Array.isArray(value)) throw new TemplateError(`can't multiply a ${typeName(value)}`);
  const result = value instanceof Tuple ? new Tuple() : [];
  if (value.length === 0) return result;
  spendList(value.length * count);
  for (let i = 0; i < count; i++) for (const item of value) result.push(item);
  return result;
}

function integers(operator: string, left: number | bigint | boolean, right: number | bigint | boolean): Value {
  const [x, y] = [Number(left), Number(right)];
  if (operator === "/") return new Float(floats(operator, x, y));
  if (operator === "**" && y < 0) return new Float(floats(operator, x, y));
  if ((operator === "//" || operator === "%") && y === 0) throw new TemplateError("integer division or modulo by zero");
  const quick =
    operator === "+"
      ? x + y
      : operator === "-"
        ? x - y
        : operator === "*"
          ? x * y
          : operator === "//"
            ? Math.floor(x / y)
            : operator === "%"
              ? x - y * Math.floor(x / y)
              : x ** y;
  const exact = typeof left !== "bigint" && typeof right !== "bigint" && Number.isSafeInteger(quick);
  if (exact) return quick + 0;
  if (operator === "**" && Math.log2(Math.abs(x) + 1) * y > 10_000) throw new TemplateError("the number is too large");
  const [a, b] = [BigInt(left), BigInt(right)];
  const floor = () => a / b - (a % b !== 0n && a < 0n !== b < 0n ? 1n : 0n);
  const value =
    operator === "+"
      ? a + b
      : operator === "-"
        ? a - b
        : operator === "*"
          ? a * b
          : operator === "//"
            ? floor()
            : operator === "%"
              ? a - b * floor()
              : a ** b;
  if (value.toString(2).length > 20_000) throw new TemplateError("the number is too large");
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function floats(operator: string, x: number, y: number): number {
  if (y === 0 && operator !== "+" && operator !== "-" && operator !== "*" && operator !== "**")
    throw new TemplateError("division by zero");
  switch (operator) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      return x / y;
    case "//":
      return Math.floor(x / y);
    case "%":
      return x - y * Math.floor(x / y);
    default: {
      if (x === 0 && y < 0) throw new TemplateError("0.0 cannot be raised to a negative power");
      const power = x ** y;
      if (Number.isNaN(power) && x < 0) throw new TemplateError("complex numbers are not here");
      return power;
    }
  }
}

/** `-value` and `+value`. */
export function sign(operator: "-" | "+", value: Value): Value {
  defined(value);
  if (value instanceof Float) return operator === "-" ? new Float(-value.value) : value;
  if (!isInt(value)) throw new TemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  if (typeof value === "bigint") return operator === "-" ? -value : value;
  return operator === "-" ? 0 - Number(value) : Number(value);
}
