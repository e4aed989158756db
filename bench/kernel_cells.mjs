/** The cells of `npm run bench -- kernel`. */

/** The `i`th of a session of small typed cells; each uses names of the one before. */
export const lightCell = (i) => `interface Item${i} { id: number; label: string; tags: string[] }
const item${i}: Item${i} = { id: ${i}, label: "item ${i}", tags: ["a", "b${i}"] };
function scaled${i}(width: number, height: number = ${(i % 7) + 1}): number { return width * height; }
class Holder${i}<T> {
  constructor(public value: T) {}
  map<U>(change: (value: T) => U) { return new Holder${i}<U>(change(this.value)); }
}
let sum${i} = scaled${i}(${i}, 2)${i > 0 ? ` + item${i - 1}.id + 0 * sum${i - 1}` : ""};
const held${i} = new Holder${i}(item${i}).map((item) => ({ size: item.tags.length, who: item.label, sum: sum${i} }));
held${i}.value.size + sum${i}`;

/** The `i`th of a session of cells that declare mostly types; each builds on types of the one before. */
export const richCell = (i) => `enum Colour${i} { Red = "red", Green = "green", Blue = "blue" }
type Shape${i} = { kind: "circle"; radius: number } | { kind: "box"; width: number; height: number };
type Optional${i}<T> = { [K in keyof T]?: T[K] extends object ? Optional${i}<T[K]> : T[K] };
interface Options${i} { colour: Colour${i}; shape: Shape${i}; nested: { depth: number; labels: Record<string, string> } }
${i > 0 ? `type Both${i} = Options${i} & Pick<Options${i - 1}, "nested">;` : ""}
abstract class Figure${i}<T extends Shape${i}> {
  static count = 0;
  #options: Optional${i}<Options${i}>;
  constructor(readonly shape: T, options: Optional${i}<Options${i}> = {}) { this.#options = options; Figure${i}.count++; }
  abstract area(): number;
  get colour(): Colour${i} { return this.#options.colour ?? Colour${i}.Red; }
}
class Box${i} extends Figure${i}<Extract<Shape${i}, { kind: "box" }>> {
  area() { return this.shape.width * this.shape.height; }
}
const boxes${i} = [1, 2, 3].map((width) => new Box${i}({ kind: "box", width, height: ${i % 5} }, { colour: Colour${i}.Blue }));
const byColour${i} = new Map(boxes${i}.map((box) => [box.colour, box] as const));
boxes${i}.reduce((sum, box) => sum + box.area(), 0)`;

/** 1e6 steps of a loop at a cell's top level; prints its milliseconds. */
export const loopCell = `let steps = 0;
const loopStart = performance.now();
for (let i = 0; i < 1e6; i++) { steps += i % 3; }
console.log(performance.now() - loopStart);`;

/** Prints the milliseconds of \`work()\`'s best run: JavaScript, which Node runs by itself, too. */
const bestOf = (work) => `${work}
const runs = [];
for (let round = 0; round < 7; round++) { const start = performance.now(); work(); runs.push(performance.now() - start); }
console.log(Math.min(...runs));`;

/** A cell that makes small objects. */
export const allocationCell = bestOf(`function work() {
  let chain = null;
  let sum = 0;
  for (let i = 0; i < 4e6; i++) {
    const pair = { value: i, next: { value: i + 1 } };
    sum += pair.next.value;
    if (i % 64 === 0) chain = { pair, chain: i % 4096 === 0 ? null : chain };
  }
  return [sum, chain];
}`);

const statements = Array.from(
  { length: 200 },
  (_, i) => `  if (x % ${i + 2} === ${i % 2}) { y += x * ${i + 1}; } else { y = (y ^ ${i}) >>> 0; }`,
);
/** A cell with one function of over 10 kB. */
export const longFunctionCell = bestOf(`function long(x) {
  let y = x;
${statements.join("\n")}
  return y;
}
function work() {
  let sum = 0;
  for (let i = 0; i < 2e5; i++) sum = (sum + long(i)) >>> 0;
  return sum;
}`).replaceAll("work", "turn");

/** A file of 1.1 MB for {@link importCell}. */
export const json = () =>
  JSON.stringify(
    Array.from({ length: 8_000 }, (_, id) => ({
      id,
      name: `record ${id}`,
      tags: ["a", `b${id}`, { of: `kind ${id % 7}` }],
      weight: id / 7,
      seen: id % 2 === 0,
    })),
  );
/** tslab's TypeScript is older than import attributes, which Deno wants. */
export const importCell = (kernel) =>
  `import records from "./records.json"${kernel === "deno" ? ' with { type: "json" }' : ""};`;
export const importedCell = (i) => `records[${i}].name.length`;

/** A literal of 60,000 numbers. */
export const literalCell = `const literal = [${Array.from({ length: 60_000 }, (_, i) => (i * 0.37).toFixed(3)).join(", ")}];\nliteral.length`;

/** A cell that computes for half a second. */
export const busyCell = "for (const until = performance.now() + 500; performance.now() < until; ) {}";
