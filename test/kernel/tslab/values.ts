/** Values, variables and promises. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts of cells.
import type { Behaviour } from "./behaviour";

const sum = 'createHash("sha256").update("tslab").digest("hex").length';

export const values: Behaviour[] = [
  ["the last expression of a cell is shown, with a semicolon too", ["let ten = 10; ten + 4;", "14"], ["ten + 4", "14"]],
  ["a declaration has no value", ["class Plain {}"], ["let seven = 3 + 4"], ["let square = seven * seven"]],
  [
    "variables are shared by all cells and can be assigned from any",
    ["let a = 3, b = 4;"],
    ["let c = a * b; c -= 2;", "10"],
    ["b = a * c;", "30"],
    ["a = Math.max(c, b)", "30"],
    ["[a, b, c]", "[ 30, 30, 10 ]"],
  ],
  [
    "a function may call itself",
    ["function naiveFib(n: number): number { return n > 1 ? naiveFib(n - 1) + naiveFib(n - 2) : 1; }"],
    ["naiveFib(20)", "10946"],
  ],
  ["Node's globals are there", ["process.version === 'v' + process.versions.node", "true"]],
  ["const can be declared again", ["const again = 3;"], ["const again = 4; again", "4"]],
  [
    "a class has its methods, in this cell and in later ones",
    [
      "class Person { constructor(public name: string, public age: number) {} toString() { return `Person(${this.name}, ${this.age})`; } }",
    ],
    ["String(new Person('alice', 123))", "'Person(alice, 123)'"],
  ],
  [
    "an enum knows its members and its names, and its own name may become a variable",
    ["enum Direction { Up = 1, Down, Left, Right }"],
    ["[Direction.Down, Direction[2]]", "[ 2, 'Down' ]"],
    ["let Direction = null; Direction", "null"],
  ],
  [
    "arrays and objects are taken apart into variables",
    ["let [head, ...rest] = [1, 2, 3]; const { x: renamed, y = 7 } = { x: 5 } as { x: number; y?: number };"],
    ["[head, rest, renamed, y]", "[ 1, [ 2, 3 ], 5, 7 ]"],
  ],
  [
    "optional chaining and nullish coalescing work",
    ["const deep: any = { x: null }; const none: number | null = deep.x; [deep?.x?.z, none ?? 0]", "[ undefined, 0 ]"],
  ],
  [
    "a block runs as a block and leaves nothing behind",
    ["{ const inner = 40; let fits = inner + 2; }"],
    ["inner", /Cannot find name 'inner'/],
  ],
  [
    "classes, generators, spread and for-of work inside of a block",
    [
      "let squares: number[] = []; { for (const e of (function* (n: number) { for (let i = 0; i < n; i += 2) yield i; })(10)) squares.push(e * e); }",
    ],
    ["squares", "[ 0, 4, 16, 36, 64 ]"],
  ],
  [
    "a function's side effects on an earlier variable are seen",
    ["let counted = 0; function count() { counted++; }"],
    ["count(); count(); counted", "2"],
  ],
  ["an object is an Object of the same realm", ["({}).constructor === Object && [] instanceof Array", "true"]],
  [
    "properties can be added to a new Object by their names",
    ["let person = new Object(); person['name'] = 'yunabe'; person", "{ name: 'yunabe' }"],
  ],
  [
    "a variable may be called as the names that tslab itself uses",
    ["let tsLastExpr = 10; const tsLastExpr0 = 30; tsLastExpr + tsLastExpr0", "40"],
  ],
  ["require may be declared", ["{ let require = 123; require; }"], ["let exported = 1; exported", "1"]],
  [
    "await stands at the top of a cell, and its value is the cell's",
    ["await new Promise((resolve) => resolve('Hello Promise'))", "'Hello Promise'"],
  ],
  [
    "a promise that is awaited and rejected fails the cell",
    ["await Promise.reject('Good Bye Promise')", /Good Bye Promise/],
  ],
  [
    "an async function can be called with await, and fails the cell with what it throws",
    [
      "async function hello(to: string) { if (to === '') throw new Error('nobody'); return 'Hello ' + to; } await hello('async')",
      "'Hello async'",
    ],
    ["await hello('')", /nobody/],
  ],
  [
    "what is awaited can be assigned to a variable",
    ["async function answer() { return 42; } let awaited = await answer();"],
    ["awaited", "42"],
  ],
  [
    "a promise that is not awaited is shown at once, pending: as tslab does, on purpose",
    [
      "let sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)); sleep(50)",
      "Promise { <pending> }",
    ],
  ],
  [
    "sleeping with await takes its time",
    ["const begun = Date.now(); await sleep(30); Date.now() - begun >= 29", "true"],
  ],
  ["an error that is thrown fails the cell with its message", ["throw new Error('my error')", /my error/]],
];

/** Imports of a module of Node, in all its forms; the same name is then a variable. */
for (const [form, text] of [
  ["a named import", 'import { createHash } from "crypto";'],
  ["a named import of node:", 'import { createHash } from "node:crypto";'],
] as const)
  values.push([
    `${form} is there in the next cell, and its name may become a variable`,
    [`${text} ${sum}`, "64"],
    [sum, "64"],
    ["let createHash = 'createHash'; createHash", "'createHash'"],
  ]);
for (const [form, text] of [
  ["import * as", 'import * as crypto from "crypto";'],
  ["a default import", 'import crypto from "crypto";'],
  ["a dynamic import", 'const crypto = await import("crypto");'],
  ["require", 'const crypto = require("crypto");'],
] as const)
  values.push([
    `${form} is there in the next cell, and its name may become a variable`,
    [`${text} crypto.${sum}`, "64"],
    [`crypto.${sum}`, "64"],
    ["let crypto = 'crypto'; crypto", "'crypto'"],
  ]);
