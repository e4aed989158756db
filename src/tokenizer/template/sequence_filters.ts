/** Jinja's filters on lists and dictionaries: choosing, sorting, joining. */
import { getItem } from "./attributes";
import type { Filter } from "./filters";
import { spendList, spendText } from "./limits";
import { listOf } from "./methods";
import { binary, equals, iterate, order } from "./operators";
import { characters, str } from "./text";
import {
  Args,
  asIndex,
  Dict,
  firstOf,
  Generator,
  TemplateError,
  truthy,
  tuple,
  typeName,
  Undefined,
  type Value,
} from "./values";

/** How filters and tests are called by name. */
export interface Registry {
  filter(name: string, value: Value, args: Args): Value;
  test(name: string, value: Value, args: Args): boolean;
}

/** Reads "a.b.0" of an item. */
function getter(attribute: Value, otherwise: Value = null): (item: Value) => Value {
  if (attribute === null || attribute === undefined) return (item) => item;
  const parts =
    typeof attribute === "string"
      ? attribute.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part))
      : [attribute];
  return (item) => {
    let value = item;
    for (const part of parts) {
      value = getItem(value, part);
      if (otherwise !== null && value instanceof Undefined) value = otherwise;
    }
    return value;
  };
}

const folded = (caseSensitive: Value) => (value: Value) =>
  typeof value === "string" && !truthy(caseSensitive) ? value.toLowerCase() : value;

function sorted(items: Value[], key: (item: Value) => Value, reverse: Value): Value[] {
  const keyed = items.map((item): [Value, Value] => [key(item), item]);
  // A stable sort stays one in reverse.
  const direction = truthy(reverse) ? -1 : 1;
  return keyed.sort(([a], [b]) => direction * order(a, b)).map(([, item]) => item);
}

function extreme(name: string, wanted: number): Filter {
  return (value, args) => {
    const [sensitive = false, attribute] = args.bind(name, "case_sensitive?", "attribute?");
    const key = getter(attribute);
    const fold = folded(sensitive);
    const items = listOf(value);
    if (items.length === 0) return new Undefined("No aggregated item, sequence was empty.");
    return items.reduce((best, item) => (order(fold(key(item)), fold(key(best))) === wanted ? item : best));
  };
}

function chosen(registry: Registry, keep: boolean, byAttribute: boolean): Filter {
  return (value, args) => {
    if (!truthy(value) && !(value instanceof Generator)) return new Generator([]);
    const [attribute, ...afterAttribute] = args.list;
    if (byAttribute && attribute === undefined) throw new TemplateError("Missing parameter for attribute name");
    const read = byAttribute ? getter(attribute) : (item: Value) => item;
    const [test, ...rest] = byAttribute ? afterAttribute : args.list;
    const passes = (item: Value) =>
      test === undefined ? truthy(item) : registry.test(str(test), item, new Args(rest, args.named));
    return new Generator(listOf(value).filter((item) => passes(read(item)) === keep));
  };
}

function mapped(registry: Registry): Filter {
  return (value, args) => {
    if (!truthy(value) && !(value instanceof Generator)) return new Generator([]);
    const [name, ...rest] = args.list;
    if (name === undefined) {
      const [attribute, otherwise] = args.bind("map", "attribute", "default?");
      return new Generator(listOf(value).map(getter(attribute, otherwise === undefined ? null : otherwise)));
    }
    return new Generator(listOf(value).map((item) => registry.filter(str(name), item, new Args(rest, args.named))));
  };
}

function grouped(value: Value, args: Args): Value {
  const [attribute, otherwise = null, sensitive = false] = args.bind(
    "groupby",
    "attribute",
    "default?",
    "case_sensitive?",
  );
  const read = getter(attribute, otherwise);
  const fold = folded(sensitive);
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(listOf(value), (one) => fold(read(one)), false)) {
    const last = groups.at(-1);
    if (last && equals(last.key, fold(read(item)))) last.items.push(item);
    else groups.push({ key: fold(read(item)), items: [item] });
  }
  return groups.map(({ items }) => tuple(read(items[0]), items));
}

function batches(value: Value, args: Args): Value {
  const [size, fill = null] = args.bind("batch", "linecount", "fill_with?");
  const count = asIndex(size, "batch");
  if (count < 1) throw new TemplateError("batch takes an integer > 0");
  const items = listOf(value);
  const rows: Value[][] = [];
  for (let i = 0; i < items.length; i += count) rows.push(items.slice(i, i + count));
  const last = rows.at(-1);
  if (fill !== null && last) {
    spendList(count);
    while (last.length < count) last.push(fill);
  }
  return new Generator(rows);
}

function slices(value: Value, args: Args): Value {
  const [size, fill = null] = args.bind("slice", "slices", "fill_with?");
  const count = asIndex(size, "slice");
  const items = listOf(value);
  if (count === 0) throw new TemplateError("integer division or modulo by zero");
  spendList(Math.max(0, count));
  const [base, extra] = [Math.floor(items.length / count), items.length % count];
  let at = 0;
  return new Generator(
    Array.from({ length: count }, (_, i) => {
      const part = items.slice(at, at + base + (i < extra ? 1 : 0));
      at += part.length;
      return fill !== null && i >= extra ? [...part, fill] : part;
    }),
  );
}

function joined(value: Value, args: Args): string {
  const [between = "", attribute] = args.bind("join", "d?", "attribute?");
  const parts = Array.from(iterate(value), (item) => str(getter(attribute)(item)));
  const separator = str(between);
  spendText(parts.reduce((sum, part) => sum + part.length + separator.length, 0));
  return parts.join(separator);
}

function pairs(value: Value): Value[] {
  if (value instanceof Undefined) return [];
  if (!(value instanceof Dict)) throw new TemplateError("Can only get item pairs from a mapping.");
  return value.entries().map((entry) => tuple(...entry));
}

export function sequenceFilters(registry: Registry): Record<string, Filter> {
  return {
    batch: batches,
    dictsort: (value, args) => {
      const names = ["case_sensitive?", "by?", "reverse?"];
      const [sensitive = false, by = "key", reverse = false] = args.bind("dictsort", ...names);
      const fold = folded(sensitive);
      return sorted(pairs(value), (pair) => fold((pair as Value[])[by === "value" ? 1 : 0]), reverse);
    },
    first: (value) => {
      if (value instanceof Generator) return firstOf(value.next(), new Undefined("No first item, sequence was empty."));
      return firstOf(iterate(value)[0], new Undefined("No first item, sequence was empty."));
    },
    groupby: grouped,
    items: (value) => new Generator(pairs(value)),
    join: joined,
    last: (value) => {
      if (value instanceof Generator) throw new TemplateError("'generator' object is not reversible");
      return firstOf(iterate(value).at(-1), new Undefined("No last item, sequence was empty."));
    },
    list: (value) => listOf(value),
    map: mapped(registry),
    max: extreme("max", 1),
    min: extreme("min", -1),
    random: (value) => {
      const items = iterate(value);
      return firstOf(
        items[Math.floor(Math.random() * items.length)],
        new Undefined("No random item, sequence was empty."),
      );
    },
    reject: chosen(registry, false, false),
    rejectattr: chosen(registry, false, true),
    reverse: (value) => {
      if (typeof value === "string") return characters(value).reverse().join("");
      return new Generator(listOf(value).reverse());
    },
    select: chosen(registry, true, false),
    selectattr: chosen(registry, true, true),
    slice: slices,
    sort: (value, args) => {
      const names = ["reverse?", "case_sensitive?", "attribute?"];
      const [reverse = false, sensitive = false, attribute = null] = args.bind("sort", ...names);
      const fold = folded(sensitive);
      const several = typeof attribute === "string" ? attribute.split(",") : [attribute];
      const getters = several.map((one) => getter(one));
      return sorted(listOf(value), (item) => getters.map((read) => fold(read(item))), reverse);
    },
    sum: (value, args) => {
      const [attribute, start = 0] = args.bind("sum", "attribute?", "start?");
      const read = getter(attribute);
      if (typeof start === "string") throw new TemplateError("sum() can't sum strings [use ''.join(seq) instead]");
      return listOf(value).reduce((sum, item) => binary("+", sum, read(item)), start);
    },
    unique: (value, args) => {
      const [sensitive = false, attribute] = args.bind("unique", "case_sensitive?", "attribute?");
      const read = getter(attribute);
      const seen = new Dict();
      return new Generator(
        listOf(value).filter((item) => {
          const key = folded(sensitive)(read(item));
          if (Array.isArray(key) && typeName(key) === "list") throw new TemplateError("unhashable type: 'list'");
          if (seen.has(key)) return false;
          seen.set(key, true);
          return true;
        }),
      );
    },
  };
}
