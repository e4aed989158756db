/** Names: as in one long program that is edited. */
import type { Group } from "./group";

export const names: Group[] = [
  {
    title: "any name can be declared again, as anything",
    cells: [
      ["const x = 1; x", "1"],
      ["const x = 'text'; x.toUpperCase()", "'TEXT'"],
      ["let x = [1, 2]; x.length", "2"],
      ["var x = 3; x", "3"],
      ["function x() { return 4 } x()", "4"],
      ["class x { v = 5 } new x().v", "5"],
      ["enum x { A = 6 } x.A", "6"],
      ["namespace x { export const v = 7 } x.v", "7"],
      ["import x from 'node:path'; x.basename('/a/b')", "'b'"],
      ["const x = 8; x", "8"],
      ["type x = string; interface y { a: x } const z: y = { a: 'q' }; z.a", "'q'"],
      ["const x = 9; x + 1", "10"],
    ],
  },
  {
    title: "functions see what later cells assign and declare",
    cells: [
      [
        "let n = 1; function read() { return n } const arrow = () => n; class Reader { get() { return n } }; read()",
        "1",
      ],
      ["n = 2; [read(), arrow(), new Reader().get()].join()", "'2,2,2'"],
      ["n += 39; read()", "41"],
      ["n++; arrow()", "42"],
      ["let n = 5; [read(), arrow(), new Reader().get()].join()", "'5,5,5'"],
      ["const n = 6; read()", "6"],
      ["[n] = [7] as any; read()", undefined, /Cannot assign to 'n' because it is a constant|import/],
      ["var n = 8; read()", "8"],
      ["({ n } = { n: 9 }); read()", "9"],
      ["for (n of [1, 2, 3]) {} read()", "3"],
      ["for (n = 0; n < 4; n++) {} read()", "4"],
      ["const closures = [1, 2].map((k) => () => k * n); n = 10; closures.map((f) => f()).join()", "'10,20'"],
    ],
  },
  {
    title: "an object's later contents are seen by earlier functions",
    cells: [
      ["let config = { v: 1 }; function readConfig() { return config.v }", "undefined"],
      ["config = { v: 2 }", "{ v: 2 }"],
      ["readConfig()", "2"],
    ],
  },
  {
    title: "callers see a function, class or constant that is defined anew",
    cells: [
      ["function step() { return 'one' } function train() { return step() } train()", "'one'"],
      ["function step() { return 'two' } train()", "'two'"],
      ["const step = () => 'three'; train()", "'three'"],
      ["class Model { name = 'old' } const make = () => new Model().name; make()", "'old'"],
      ["class Model { name = 'new' } make()", "'new'"],
      ["const rate = 0.1; const show = () => rate; show()", "0.1"],
      ["const rate = 0.2; show()", "0.2"],
      ["function fact(k: number): number { return k < 2 ? 1 : k * fact(k - 1) } fact(5)", "120"],
    ],
  },
  {
    title: "old instances keep their old class's type, and its behaviour",
    cells: [
      ["class A { private k = 1; get() { return this.k } } const a1 = new A(); a1.get()", "1"],
      ["class A { other = 2 } const a2 = new A(); a2.other + a1.get()", "3"],
      ["const wrong: A = a1", undefined, /Property 'other' is missing/],
      ["a1 instanceof A", "false"],
      ["class B extends A { z = 3 } new B().other", "2"],
    ],
  },
  {
    title: "a class refers to itself while it is made",
    cells: [
      ["class Self { static one = new Self(); static two = Self.one; v = 1 } Self.two.v", "1"],
      [
        "class Counted { static count = 0; constructor() { Counted.count++ } } new Counted(); new Counted(); Counted.count",
        "2",
      ],
      ["class Chain { static made: string; static { Chain.made = 'yes' } } Chain.made", "'yes'"],
    ],
  },
  {
    title: "imported names are live, and may be taken by others",
    files: { "counter.ts": "export let count = 0; export function up() { count++ }" },
    cells: [
      ["import { count, up } from './counter'; count", "0"],
      ["up(); up(); count", "2"],
      ["const seen = () => count; up(); seen()", "3"],
      ["const count = 'mine'; seen()", "'mine'"],
      ["import { count } from './counter'; seen()", "3"],
    ],
  },
  {
    title: "names of a text are not taken for the session's",
    cells: [
      ["const v = 1; function shadow(v: number) { { let v = 5; v } return v } shadow(2)", "2"],
      ["const o = { v, m() { return v }, ['v' + v]: v }; [o.v, o.m(), o.v1].join()", "'1,1,1'"],
      ["v: for (const i of [1]) { continue v } v", "1"],
      ["(function v() { return typeof v })()", "'function'"],
      ["(class v { static k = v.name }).k", "'v'"],
      ["const { v: w, ...rest } = { v: 2, q: 3 }; [w, rest.q].join()", "'2,3'"],
      ["try { throw 3 } catch (v) { v } v", "1"],
      ["[1, 2].map((v) => v * 2).join()", "'2,4'"],
      ["const z$ = 4, z = 5; z$ + z", "9"],
      ["(() => z$ * z)()", "20"],
      ["namespace N { export const v = 8; export const w = v + 1 } N.w", "9"],
      ["namespace N2 { const q = v; export function f() { return q + v } } N2.f()", "2"],
      ["enum E { v = 3, w = v + 1 } E.w", "4"],
      ["function args(..._: number[]) { return arguments.length } args(1, 2)", "2"],
      ["typeof nowhere", undefined, /Cannot find name 'nowhere'/],
    ],
  },
  {
    title: "patterns declare and assign",
    cells: [
      ["const { a, b: { c = 7 } = {} as any, ...others } = { a: 1, d: 4 } as any; [a, c, others.d].join()", "'1,7,4'"],
      ["const [p, , q = p + 1, ...tail] = [1, 2, undefined, 4, 5] as any[]; [p, q, tail].join()", "'1,2,4,5'"],
      ["let s = 1, t = 2; [s, t] = [t, s]; s * 10 + t", "21"],
      ["let others2: any; ({ a: s, ...others2 } = { a: 9, k: 3 } as any); [s, others2.k].join()", "'9,3'"],
      ["{ var { hidden, also: [deep] } = { hidden: 1, also: [2] } } hidden + deep", "3"],
      ["for (var [i, j] of [[1, 2], [3, 4]]) {} i + j", "7"],
      ["for (var key in { one: 1 }) {} key", "'one'"],
      ["if (true) { var late = 5 } late", "5"],
      ["var late; late", "5"],
      ["let unset: number | undefined; unset", "undefined"],
    ],
  },
  {
    title: "functions are there before their line, and keep their names",
    cells: [
      ["const early = later(); function later() { return 7 } early", "7"],
      [
        "const arrow = () => 1, fn = function () {}, named = function other() {}; [arrow.name, fn.name, named.name].join()",
        "'arrow,fn,other'",
      ],
      ["const Klass = class {}; Klass.name", "'Klass'"],
      ["async () => 1", "[AsyncFunction (anonymous)]"],
      ["let letArrow = () => 1; letArrow.name", "'letArrow'"],
      [
        "function over(a: string): string; function over(a: number): number; function over(a: any) { return a } over(3).toFixed(1)",
        "'3.0'",
      ],
      ["const o = { k: 4, m() { return this?.k } }; const { m } = o; [o.m(), m.call({ k: 5 } as any)].join()", "'4,5'"],
      ["function self(this: any) { return this } self()", "undefined"],
    ],
  },
  {
    title: "a cell that assigns to a constant or to the wrong type is told so",
    cells: [
      ["const fixed = 1; let count: number = 2; count", "2"],
      ["fixed = 2", undefined, /Cannot assign to 'fixed'/],
      ["count = 'text'", undefined, /Type 'string' is not assignable to type 'number'/],
      ["count", "2"],
      ["const fixed = 3; fixed", "3"],
    ],
  },
];
