/** `text % values`, `text.format(…)` and the format specifications of both. */
import { getAttribute, getItem } from "./attributes";
import { spendGrowth, spendText } from "./limits";
import { exponentText, fixedText, floatText, repr, str, textLength, unitOf } from "./text";
import { type Args, asNumber, defined, Dict, Float, isInt, TemplateError, Tuple, typeName, type Value } from "./values";

/** How a value is to be written. */
interface Spec {
  fill: string;
  align: string;
  sign: string;
  alternate: boolean;
  width: number;
  grouping: string;
  precision: number | undefined;
  type: string;
}

/** `text % values`. */
export function formatPercent(text: string, values: Value): string {
  const list = values instanceof Tuple ? values : [values];
  let next = 0;
  const take = () => {
    if (next >= list.length) throw new TemplateError("not enough arguments for format string");
    return list[next++];
  };
  const result = text.replace(
    /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d*)(?:\.(\*|\d*))?[hlL]?([\s\S]|$)/g,
    (_, key: string | undefined, flags: string, width: string, precision: string | undefined, type: string) => {
      if (type === "%") return "%";
      const size = width === "*" ? Number(asNumber(take()) ?? 0) : Number(width);
      const digits = precision === "*" ? Number(asNumber(take()) ?? 0) : precision;
      let value: Value;
      if (key !== undefined) {
        if (!(values instanceof Dict)) throw new TemplateError("format requires a mapping");
        value = values.get(key);
        if (value === undefined) throw new TemplateError(`'${key}'`);
        next = list.length;
      } else value = take();
      const left = flags.includes("-");
      const number = !"sra".includes(type);
      return write(percentValue(value, type), {
        fill: flags.includes("0") && number && !left ? "0" : " ",
        align: left ? "<" : flags.includes("0") && number ? "=" : ">",
        sign: flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-",
        alternate: flags.includes("#"),
        width: size,
        grouping: "",
        precision: digits === undefined ? undefined : Number(digits),
        type: type === "i" || type === "u" ? "d" : "sra".includes(type) ? "s" : type,
      });
    },
  );
  if (next < list.length && !(values instanceof Dict))
    throw new TemplateError("not all arguments converted during string formatting");
  return result;
}

function percentValue(value: Value, type: string): Value {
  if (type === "s") return str(value);
  if (type === "r" || type === "a") return repr(value);
  if (!"diuxXocfFeEgG".includes(type) || type === "") throw new TemplateError(`unsupported format character '${type}'`);
  if (type === "c") {
    if (typeof value !== "string") return letterOf(value);
    if (textLength(value) !== 1) throw new TemplateError("%c requires int or char");
    return value;
  }
  const number = asNumber(defined(value));
  if (number === undefined || ("xXo".includes(type) && value instanceof Float))
    throw new TemplateError(`%${type} format: a number is required, not ${typeName(value)}`);
  if ("fFeEgG".includes(type)) return new Float(number);
  if (!Number.isFinite(number) && value instanceof Float)
    throw new TemplateError(`cannot convert float ${floatText(number)} to integer`);
  return typeof value === "bigint" ? value : Math.trunc(number);
}

/** `chr(value)`. */
function letterOf(value: Value): string {
  const code = isInt(value) ? Number(value) : -1;
  if (!(code >= 0 && code <= 0x10ffff)) throw new TemplateError("%c arg not in range(0x110000)");
  return String.fromCodePoint(code);
}

/** `text.format(…)`. */
export function formatBraces(text: string, args: Args, depth = 0, counter = { next: 0, named: false }): string {
  if (depth > 1 && text.includes("{")) throw new TemplateError("Max string recursion exceeded");
  let result = "";
  let at = 0;
  while (at < text.length) {
    const brace = text.slice(at).search(/[{}]/);
    if (brace < 0) {
      result += text.slice(at);
      break;
    }
    result += text.slice(at, at + brace);
    at += brace;
    if (text[at] === text[at + 1]) {
      result += text[at];
      at += 2;
      continue;
    }
    if (text[at] === "}") throw new TemplateError("Single '}' encountered in format string");
    let end = at + 1;
    for (let open = 1; open > 0; end++) {
      if (end >= text.length) throw new TemplateError("expected '}' before end of string");
      if (text[end] === "{") open++;
      else if (text[end] === "}") open--;
    }
    const found = /^([^!:]*)(?:!([rsa]))?(?::([\s\S]*))?$/.exec(text.slice(at + 1, end - 1));
    if (!found) throw new TemplateError("a conversion in a format string is r, s or a");
    const [, name = "", conversion, spec = ""] = found;
    const [first = "", ...rest] = name.split(/(?=[.[])/);
    const numbered = /^\d+$/.test(first);
    if (numbered ? counter.next > 0 : first === "" && counter.named)
      throw new TemplateError("a format string numbers all of its fields, or none");
    if (numbered) counter.named = true;
    const index = first === "" ? counter.next++ : numbered ? Number(first) : undefined;
    let value = index === undefined ? args.named.get(first) : args.list[index];
    if (value === undefined)
      throw new TemplateError(
        index === undefined ? `'${first}'` : `Replacement index ${index} out of range for positional args tuple`,
      );
    for (const part of rest) {
      const key = part.slice(1).replace(/\]$/, "");
      if (part.startsWith(".")) value = getAttribute(value, key);
      else value = getItem(value, /^\d+$/.test(key) ? Number(key) : key);
    }
    if (conversion === "r" || conversion === "a") value = repr(value);
    else if (conversion === "s") value = str(value);
    result += formatValue(value, formatBraces(spec, args, depth + 1, counter));
    spendGrowth(result.length, 1);
    at = end;
  }
  return result;
}

/** `format(value, spec)`. */
function formatValue(value: Value, spec: string): string {
  if (spec === "") return str(value);
  const found = /^(?:([\s\S])?([<>=^]))?([-+ ]?)(#?)(0?)(\d*)([,_]?)(?:\.(\d+))?([bcdeEfFgGnosxX%]?)$/u.exec(spec);
  if (!found) throw new TemplateError(`Invalid format specifier '${spec}'`);
  const [, fill, align, sign, alternate, zero, width, grouping, precision, type] = found as unknown as string[];
  const number = asNumber(defined(value)) !== undefined;
  if (!number && typeof value !== "string")
    throw new TemplateError(`unsupported format string passed to ${typeName(value)}.__format__`);
  const integer = isInt(value);
  if (integer && precision !== undefined && !/^[eEfFgG%]$/.test(type ?? ""))
    throw new TemplateError("Precision not allowed in integer format specifier");
  const known = integer ? type !== "s" : value instanceof Float ? !/^[bcdosxX]$/.test(type ?? "") : true;
  if (!known) throw new TemplateError(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
  const shown = value instanceof Float && type === "n" ? "g" : type;
  return write(typeof value === "boolean" ? Number(value) : value, {
    fill: fill ?? (zero && number ? "0" : " "),
    align: align ?? (zero && number ? "=" : number ? ">" : "<"),
    sign: sign || "-",
    alternate: alternate === "#",
    width: Number(width),
    grouping: grouping ?? "",
    precision: precision === undefined ? undefined : Number(precision),
    type: shown || (number ? (integer ? "d" : "") : "s"),
  });
}

function write(value: Value, spec: Spec): string {
  const { fill, align, width, precision, type } = spec;
  let [prefix, body] = ["", ""];
  if (typeof value === "string") {
    if (type !== "s" && type !== "c") throw new TemplateError(`Unknown format code '${type}' for object of type 'str'`);
    body = precision === undefined ? value : value.slice(0, unitOf(value, precision));
  } else {
    const negative = value instanceof Float ? value.value < 0 || Object.is(value.value, -0) : Number(value) < 0;
    body = digitsOf(value, spec).replace(/^-/, "");
    prefix = negative ? "-" : spec.sign === "-" ? "" : spec.sign;
    if (spec.alternate && /[xXob]/.test(type)) prefix += `0${type}`;
    if (spec.grouping) {
      const [, whole = "", rest = ""] = /^(\d*)(.*)$/.exec(body) ?? [];
      body = whole.replace(/\B(?=(?:\d{3})+$)/g, spec.grouping) + rest;
    }
  }
  spendText(Math.max(width, body.length));
  const padding = Math.max(0, width - textLength(body) - prefix.length);
  const left = align === "<" ? 0 : align === "^" ? Math.floor(padding / 2) : padding;
  if (align === "=") return prefix + fill.repeat(padding) + body;
  return fill.repeat(left) + prefix + body + fill.repeat(padding - left);
}

function digitsOf(value: Value, { type, precision }: Spec): string {
  const number = asNumber(value) as number;
  const upper = type !== type.toLowerCase();
  const cased = (text: string) => (upper ? text.toUpperCase() : text);
  switch (type.toLowerCase()) {
    case "d":
    case "n":
      return String(value);
    case "x":
      return cased((value as number | bigint).toString(16));
    case "o":
      return (value as number | bigint).toString(8);
    case "b":
      return (value as number | bigint).toString(2);
    case "c":
      return letterOf(value);
    case "f":
      return fixedText(number, precision ?? 6);
    case "%":
      return `${fixedText(number * 100, precision ?? 6)}%`;
    case "e":
      return cased(exponential(number, precision ?? 6));
    default:
      if (type === "" && precision === undefined) return floatText(number);
      return cased(general(number, Math.max(1, precision ?? 6), type === ""));
  }
}

function exponential(value: number, digits: number): string {
  if (!Number.isFinite(value)) return floatText(value);
  const [mantissa, exponent] = value.toExponential(Math.min(digits, 100)).split("e") as [string, string];
  return `${mantissa}e${exponentText(Number(exponent))}`;
}

/** %g: significant digits, without zeros at the end. */
function general(value: number, digits: number, point: boolean): string {
  if (!Number.isFinite(value)) return floatText(value);
  const power = value === 0 ? 0 : Number(value.toExponential(Math.min(digits, 100) - 1).split("e")[1]);
  if (power < -4 || power >= digits) return exponential(value, digits - 1).replace(/\.?0*e/, "e");
  const text = fixedText(value, Math.max(0, digits - 1 - power));
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return point && !short.includes(".") ? `${short}.0` : short;
}
