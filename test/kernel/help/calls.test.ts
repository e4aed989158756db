/** Shift-Tab inside a call: the signature with the parameter that the cursor is at, and an option's documentation. */
import assert from "node:assert/strict";
import { TestKernel } from "../client";
import { inspect } from "./asker";

/** The cells before, as a reader might write them. */
const cells = [
  'import { AutoModelForCausalLM, AutoTokenizer, pipeline } from "phi3lab"; import fs from "node:fs";',
  `interface ShadeOptions {
  /** How dark it is, from 0 to 1. */
  depth?: number;
  /** What it is called, see {@link Brush}. */
  name: string;
}
/**
 * Shades a thing.
 * @param colour which colour
 */
function shade(colour: "red" | "green", options?: ShadeOptions): string { return colour; }
/** Paints. */
class Brush {
  /**
   * Makes a brush.
   * @param size in pixels
   */
  constructor(size: number, tip?: "round" | "flat") {}
  /** Draws with it. */
  draw(times: number, then?: (left: number, done: boolean) => void): this { return this; }
}
const brush = new Brush(3);
function over(a: number): void; function over(a: string, b: number): void; function over(): void {}
function tag(strings: TemplateStringsArray, ...values: number[]) { return 1; }
const pick = <T extends { id: number }>(items: T[], key: keyof T) => items;
let model!: Awaited<ReturnType<typeof AutoModelForCausalLM.from_pretrained>>;
let tokenizer!: Awaited<ReturnType<typeof AutoTokenizer.from_pretrained>>;`,
];

/** Where the cursor stands, and the parameter that is marked there. */
const positions: [where: string, text: string, parameter: string][] = [
  ["a function", "Math.max(│", "‹...values: number[]›"],
  ["a variadic function's later argument", "Math.max(1, 2, │)", "‹...values: number[]›"],
  ["a function of the session", "shade(│)", '‹colour: "red" | "green"›'],
  ["its second argument", 'shade("red", │)', "‹options?: ShadeOptions›"],
  ["an arrow function of the same cell", "const f = (n: number, m = 1) => n; f(1, │", "‹m?: number›"],
  ["a constructor", "new Brush(│", "‹size: number›"],
  [
    "a constructor of JavaScript's own",
    "new Map<string, number>(│)",
    "‹iterable?: Iterable<readonly [string, number]>›",
  ],
  ["a method", "brush.draw(│)", "‹times: number›"],
  ["a method, behind a callback", "brush.draw(2, (left) => {}).draw(│)", "‹times: number›"],
  ["a method that takes a callback", "brush.draw(2, │)", "‹then?: (left: number, done: boolean) => void›"],
  ["a call within a callback", "[1].map((x) => Math.pow(x, │))", "‹y: number›"],
  ["an array's method", "[1, 2].map(│)", "‹callbackfn: (value: number, index: number, array: number[]) => unknown›"],
  ["the inner of two calls", "Math.max(Math.atan2(1, │), 3)", "‹x: number›"],
  ["the outer of two calls", "Math.atan2(Math.max(1, 2), │)", "‹x: number›"],
  ["a template string", `console.log(\`x \${Math.atan2(│)}\`)`, "‹y: number›"],
  ["a template string that is still open", `console.log(\`x \${Math.atan2(1, │\``, "‹x: number›"],
  ["a tagged template", `tag\`a \${│}\``, "‹...values: number[]›"],
  ["a second line", 'const q = shade(\n  "red",\n  │\n)', "‹options?: ShadeOptions›"],
  [
    "a call that is not closed, below another statement",
    'const a = 1;\nif (a) { shade("red", │',
    "‹options?: ShadeOptions›",
  ],
  ["an overload that the arguments choose", 'over("x", │)', "‹b: number›"],
  ["a generic function", "pick([{ id: 1 }], │)", '‹key: "id"›'],
  ["a call behind a string with brackets and commas", 'Math.atan2("a, b(".length, │)', "‹x: number›"],
  ["a call behind emoji", '"😀😀".repeat(1); Math.atan2(1, │)', "‹x: number›"],
  ["a function of Node's", "fs.existsSync(│)", "‹path: fs.PathLike›"],
  ["a function of the library", 'pipeline("text-generation", │', "‹parts: PipelineParts›"],
  ["a static method of the library", 'AutoModelForCausalLM.from_pretrained("x", │)', "‹options?: ModelLoadOptions›"],
  ["a value of the library that is called", "tokenizer(│)", "‹text: string | string[]›"],
];

/** Where an option's value is typed, and its documentation. */
const options: [text: string, expected: RegExp][] = [
  ['shade("red", { depth: │ })', /\n\ndepth\?: number\nHow dark it is, from 0 to 1\.\n/],
  ['shade("red", { depth: │', /\n\ndepth\?: number\nHow dark it is/],
  ['shade("red", { depth: 0.5, name: "x│" })', /\n\nname: string\nWhat it is called, see Brush\.\n/],
  ['shade("red", { dep│th: 0.5 })', /\(property\) ShadeOptions\.depth\?: number\n\nHow dark it is/],
  [
    'AutoModelForCausalLM.from_pretrained("x", { device: "│" })',
    /\n\ndevice\?: DeviceOption\nWhat the model runs on\./,
  ],
  [
    'pipeline("text-generation", { model, tokenizer, max_new_tokens: │ })',
    /\n\nmax_new_tokens\?: number\nNew tokens at/,
  ],
  ["await model.generate({ max_new_tokens: │", /\n\nmax_new_tokens\?: number\nNew tokens at most/],
];

describe("Shift-Tab", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
    for (const cell of cells) assert.equal((await kernel.execute(cell)).reply.status, "ok", cell);
  });
  after(() => kernel.stop());

  for (const [where, text, parameter] of positions) {
    it(`shows the signature, and where one is in it, in ${where}`, async () => {
      const [first = ""] = ((await inspect(kernel, text)) ?? "").split("\n");
      assert.ok(first.includes(parameter), `${text} shows ${first}`);
    });
  }

  it("shows an option's type and documentation where its value is typed", async () => {
    for (const [text, expected] of options) assert.match((await inspect(kernel, text)) ?? "", expected, text);
  });

  it("lists the options that are not given yet", async () => {
    const some = (await inspect(kernel, 'shade("red", { depth: 1, │ })')) as string;
    assert.match(some, /\n\nOptions:\n {2}name: string {2}\/\/ What it is called, see Brush\.\n\nShades/);
    const all = (await inspect(kernel, "await model.generate({ │")) as string;
    for (const name of ["input_ids", "max_new_tokens", "do_sample"])
      assert.match(all, new RegExp(`\n {2}${name}\\??: `));
  });

  it("shows a function's documentation and that of its parameter", async () => {
    const text = "Shades a thing.\n\ncolour: which colour";
    assert.ok(((await inspect(kernel, "shade(│)")) as string).endsWith(text));
    assert.ok(((await inspect(kernel, "new Brush(│)")) as string).endsWith("Makes a brush.\n\nsize: in pixels"));
    assert.equal(await inspect(kernel, "let other: Bru│sh"), "class Brush\n\nPaints.");
  });

  it("shows nothing where nothing is called or named", async () => {
    for (const text of ["shade │", "5│", "const x = │", "brush.draw(1, () => { │ })", "// Math.max(│"])
      assert.equal(await inspect(kernel, text), undefined, text);
  });
});
