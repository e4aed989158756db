/** Types: what they refuse, and how names of types and of values take each other's place. */
import type { Behaviour } from "./behaviour";

export const types: Behaviour[] = [
  ["a syntax error stops the cell", ["let broken + 10;", /',' expected/]],
  [
    "a type error stops the cell before anything of it runs",
    ["let ran = false;"],
    ["ran = true; let text: string = 10;", /Type 'number' is not assignable to type 'string'/],
    ["ran", "false"],
  ],
  [
    "the browser's API is unknown in a cell",
    ["let div = document.createElement('div');", /Cannot find name 'document'/],
  ],
  [
    "a name cannot be declared twice in one cell",
    ["let twice = 1; let twice = 2;", /Cannot redeclare block-scoped variable 'twice'/],
  ],
  [
    "a class must have what its interface promises",
    [
      "interface Hello { getMessage(): string } class Wrong implements Hello { getMessage() { return 1; } }",
      /not assignable/,
    ],
    [
      "interface Hello { getMessage(): string } class Right implements Hello { getMessage() { return 'Hello'; } } new Right().getMessage()",
      "'Hello'",
    ],
  ],
  [
    "a constant of an earlier cell cannot be assigned to",
    ["const fixed = 1;"],
    ["fixed = 2", /Cannot assign to 'fixed' because it is a constant/],
    ['import { join } from "path"; join = 1 as never;', /Cannot assign to 'join' because it is an import/],
  ],
  [
    "types and generics are there in later cells",
    ["type Pair<T> = [T, T]; interface Named { name: string }"],
    ["const pair: Pair<Named> = [{ name: 'x' }, { name: 'y' }]; pair.length", "2"],
  ],
  [
    "declarations of an interface in one cell are one",
    [
      "interface Merged { x: number } interface Merged { y: number } const merged: Merged = { x: 1, y: 2 }; merged.x + merged.y",
      "3",
    ],
  ],
  [
    "an interface becomes a class and a type becomes a variable",
    ["interface itype { x: number } type atype = itype | number;"],
    ["class itype { y = 'y' } let atype = 123; [new itype().y, atype]", "[ 'y', 123 ]"],
  ],
  ["a class becomes a variable", ["class Taken {}"], ["let Taken = 10; Taken + 1", "11"]],
  [
    "an interface takes the place of a class's type",
    ["class Shape { sides = 4 }"],
    ["interface Shape { corners: number } const corner: Shape = { corners: 3 }; corner.corners", "3"],
  ],
  [
    "an enum becomes a type",
    ["enum Level { Low }"],
    ["type Level = 'low' | 'high'; const level: Level = 'high'; level", "'high'"],
  ],
  [
    "an imported type becomes an interface of the notebook's own",
    ['import { type CpuInfo } from "os";'],
    ["interface CpuInfo { x: number } const cpu: CpuInfo = { x: 1 }; cpu.x", "1"],
  ],
  [
    "an imported type and a value share a name",
    ['import type { CpuInfo } from "os";'],
    ["let CpuInfo = 10; CpuInfo", "10"],
  ],
  [
    "an imported function becomes a variable",
    ['import { cpus } from "os"; typeof cpus', "'function'"],
    ["let cpus = 10; cpus", "10"],
  ],
  [
    "a type and an imported function share a name",
    ['import { cpus } from "os";'],
    ["type cpus = number; const many: cpus = 3; many", "3"],
  ],
  ["a global may be declared anew", ["{ let process = 1; process; }"], ["let URL = 'mine'; URL", "'mine'"]],
  [
    "an interface of the notebook's own may be called as a global one",
    ["interface Map { mymethod(): number } const mine: Map = { mymethod: () => 5 }; mine.mymethod()", "5"],
    ["const later: Map = mine; later.mymethod()", "5"],
  ],
  [
    "a namespace has its members",
    [
      "namespace Shapes { export const sides = 4; export namespace Inner { export const x = 1; } } Shapes.sides + Shapes.Inner.x",
      "5",
    ],
  ],
  [
    "decorators work on classes: the standard ones, unless tsconfig.json asks for tslab's",
    ["function sealed(target: Function) { Object.seal(target.prototype); } @sealed class Greeter {}"],
    ["Object.isSealed(Greeter.prototype)", "true"],
  ],
];

/** Where `await` is not allowed. */
for (const [place, code] of [
  ["a function expression", "let f1 = function () { return await hello1(); }"],
  ["an arrow function", "let f2 = () => { return await hello1(); }"],
  ["an arrow function without a block", "let f3 = () => await hello1()"],
  ["a function", "function f4() { return await hello1(); }"],
  ["a method", "class C5 { f() { return await hello1(); } }"],
] as const)
  types.push([
    `await in ${place} that is not async is an error`,
    ["async function hello1() { return 1; }"],
    [code, /'await' expressions are only allowed within async functions/],
  ]);
