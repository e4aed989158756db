/** The names that every template knows: Jinja's, and those that transformers adds. */
import { limits, spendList } from "./limits";
import { listOf } from "./methods";
import { iterate } from "./operators";
import { strftime } from "./strftime";
import { str } from "./text";
import {
  asIndex,
  type Args,
  Dict,
  Func,
  Namespace,
  Range,
  Struct,
  TemplateError,
  Undefined,
  type Value,
} from "./values";

/** What a template says to its user by `raise_exception`. */
export class RaisedByTemplate extends TemplateError {}

function range(args: Args): Range {
  const numbers = args.list.map((value) => asIndex(value, "range()"));
  if (numbers.length < 1 || numbers.length > 3) throw new TemplateError("range() takes 1 to 3 arguments");
  const [first = 0, second, step = 1] = numbers;
  if (step === 0) throw new TemplateError("range() arg 3 must not be zero");
  const made = second === undefined ? new Range(0, first, 1) : new Range(first, second, step);
  if (!(made.length <= limits.elements)) throw new TemplateError(`range() has more than ${limits.elements} elements`);
  return made;
}

/** `dict(mapping or pairs, name=value)`. */
function dict({ list, named }: Args): Dict {
  const [given] = list;
  const entries: (readonly [Value, Value])[] =
    given === undefined
      ? []
      : given instanceof Dict
        ? given.entries()
        : listOf(given).map((pair) => {
            const [key, value] = iterate(pair);
            return [key, value] as const;
          });
  return new Dict([...entries, ...named]);
}

function namespace(args: Args): Namespace {
  const made = new Namespace();
  for (const [name, value] of dict(args).entries()) made.set(str(name), value);
  return made;
}

function cycler({ list }: Args): Struct {
  if (list.length === 0) throw new TemplateError("at least one item has to be provided");
  let at = 0;
  const next = () => {
    const item = list[at];
    at = (at + 1) % list.length;
    return item;
  };
  const attributes: Record<string, () => Value> = {
    current: () => list[at],
    next: () => new Func("next", next),
    reset: () =>
      new Func("reset", () => {
        at = 0;
        return null;
      }),
  };
  return new Struct("Cycler", (name) => attributes[name]?.());
}

function joiner(args: Args): Struct {
  const [separator = ", "] = args.bind("joiner", "sep?");
  let used = false;
  return new Struct(
    "Joiner",
    () => undefined,
    () => {
      const text = used ? separator : "";
      used = true;
      return text;
    },
  );
}

const functions: Record<string, (args: Args) => Value> = {
  range,
  dict,
  namespace,
  cycler,
  joiner,
  lipsum: () => {
    throw new TemplateError("lipsum() is not here");
  },
  raise_exception: (args) => {
    throw new RaisedByTemplate(str(args.bind("raise_exception", "message")[0]));
  },
  strftime_now: (args) => strftime(str(args.bind("strftime_now", "format")[0]), new Date()),
};

const fromKeys = new Func("fromkeys", (args) => {
  const [keys, value = null] = args.bind("fromkeys", "iterable", "value?");
  const items = iterate(keys);
  spendList(items.length);
  return new Dict(items.map((key) => [key, value] as const));
});

export const globals: ReadonlyMap<string, Value> = new Map(
  Object.entries(functions).map(([name, call]) => [
    name,
    new Func(name, call, name === "dict" ? new Map([["fromkeys", fromKeys]]) : undefined),
  ]),
);

/** What a name that nobody has set gives. */
export function unknownName(name: string): Undefined {
  return new Undefined(`'${name}' is undefined`);
}
