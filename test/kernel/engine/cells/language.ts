// biome-ignore-all lint/suspicious/noTemplateCurlyInString: cells hold template strings.
/** The language of today. */
import type { Group } from "./group";

export const language: Group[] = [
  {
    title: "using and await using dispose at the end of their block, or of the cell",
    cells: [
      [
        "const log: string[] = []; { using r = { [Symbol.dispose]() { log.push('disposed') } }; log.push('in') } log.join()",
        "'in,disposed'",
      ],
      ["using held = { v: 5, [Symbol.dispose]() { log.push('cell') } }; held.v", "5"],
      ["log.at(-1)", "'cell'"],
      ["await using later = { [Symbol.asyncDispose]: async () => { log.push('async') } }; log.length", "3"],
      ["log.at(-1)", "'async'"],
    ],
  },
  {
    title: "decorators of the standard",
    cells: [
      [
        "const seen: string[] = []; function note(v: any, c: { kind: string; name: string | symbol }) { seen.push(c.kind + ' ' + String(c.name)) }",
        "undefined",
      ],
      ["class D { @note m() { return 1 } @note f = 2; @note accessor a = 3 } new D().a + new D().m() + new D().f", "6"],
      ["seen.join()", "'method m,accessor a,field f'"],
      [
        "const bound = (v: any, c: ClassMethodDecoratorContext) => function (this: any) { return 'wrapped ' + v.call(this) }; class W { @bound m() { return 'm' } } new W().m()",
        "'wrapped m'",
      ],
      [
        "function tag<T extends new (...a: any[]) => object>(C: T) { return class extends C { tagged = true } } @tag class T1 {} (new T1() as any).tagged",
        "true",
      ],
    ],
  },
  {
    title: "decorators as they were, where tsconfig.json says so",
    files: { "tsconfig.json": '{ "compilerOptions": { "experimentalDecorators": true } }' },
    cells: [
      ["const keys: string[] = []; const legacy = (target: any, key: string) => { keys.push(key) }", "undefined"],
      ["class L { @legacy m() {} @legacy p = 1 } keys.join()", "'m,p'"],
    ],
  },
  {
    title: "what a class can have",
    cells: [
      [
        "class P { #k = 1; static #s = 2; get k() { return this.#k } static s() { return P.#s } has(o: object) { return #k in o } } new P().k + P.s()",
        "3",
      ],
      ["new P().has(new P())", "true"],
      ["class Q extends P { override get k() { return super.k + 1 } } new Q().k", "2"],
      [
        "abstract class Shape { abstract area(): number; twice() { return this.area() * 2 } } class Square extends Shape { constructor(public side: number) { super() } area() { return this.side ** 2 } } new Square(3).twice()",
        "18",
      ],
      ["new Shape()", undefined, /Cannot create an instance of an abstract class/],
      [
        "class G<const T extends readonly unknown[]> { constructor(readonly v: T) {} } new G([1, 'a']).v[1].length",
        "1",
      ],
      ["class S { static { (S as any).ready = 1 } } (S as any).ready", "1"],
      ["class Acc { accessor v = 3 } const acc = new Acc(); acc.v = 4; acc.v", "4"],
      [
        "class C { static create<T extends C>(this: new () => T) { return new this() } } class C2 extends C { two = 2 } C2.create().two",
        "2",
      ],
      ["new (class { protected a = 1; now() { return this.a } })().now()", "1"],
    ],
  },
  {
    title: "mixins, local classes and unnamed types stop no cell",
    cells: [
      [
        "type Ctor = new (...a: any[]) => {}; function Stamped<B extends Ctor>(Base: B) { return class extends Base { protected ts = 5; now() { return this.ts } } }; class Plain {}; new (Stamped(Plain))().now()",
        "5",
      ],
      ["function mk() { class Local { private a = 1; get() { return this.a } } return new Local() }", "undefined"],
      ["const loc = mk(); loc.get()", "1"],
      ["const fd = new FormData(); fd.append('a', '1'); fd.get('a')", "'1'"],
      [
        "const rq = new Request('http://x/'), hs = new Headers({ a: 'b' }), rs = new Response('text'); rq.url + hs.get('a') + rs.status",
        "'http://x/b200'",
      ],
      ["fd.has('a')", "true"],
      ["export const uniq: unique symbol = Symbol('u'); const keyed = { [uniq]: 1 }; keyed[uniq]", "1"],
      ["const gen = (function* () { yield 1; return 'end' })(); gen.next().value", "1"],
      ["const weird = (() => { enum Inner { A = 3 } return { Inner, v: Inner.A } })(); weird.v", "3"],
      ["weird.Inner.A", "3"],
    ],
  },
  {
    title: "enums and namespaces, also from earlier cells",
    cells: [
      ["enum Color { Red, Green = 'g' } const enum Small { Q = 4 } Color.Green + Small.Q", "'g4'"],
      ["Color.Red + Small.Q", "4"],
      ["Color[0]", "'Red'"],
      [
        "namespace NS { export const q = 3; export function f() { return q * 2 } export namespace In { export const z = q + 1 } } NS.f() + NS.In.z",
        "10",
      ],
      ["NS.In.z", "4"],
      ["namespace Merged { export const a = 1 } namespace Merged { export const b = a + 1 } Merged.b", "2"],
      ["function both() { return both.extra } namespace both { export const extra = 6 } both()", "6"],
      ["both.extra", "6"],
      ["namespace OnlyTypes { export interface I { k: 1 } } const ot: OnlyTypes.I = { k: 1 }; ot.k", "1"],
      ["import Alias = NS.In; Alias.z", "4"],
    ],
  },
  {
    title: "types of every kind",
    cells: [
      [
        "type Json = string | number | Json[] | { [k: string]: Json }; const j: Json = { a: [1, { b: 'c' }] }; JSON.stringify(j)",
        `'{"a":[1,{"b":"c"}]}'`,
      ],
      [
        "type Get<T> = { [K in keyof T as `get${Capitalize<K & string>}`]: () => T[K] }; const g: Get<{ name: string }> = { getName: () => 'n' }; g.getName()",
        "'n'",
      ],
      ["const sat = { a: 1, b: 'x' } satisfies Record<string, number | string>; sat.b.length", "1"],
      [
        "function assertOk(v: unknown): asserts v is string { if (typeof v !== 'string') throw new Error('no') } const u: unknown = 'yes'; assertOk(u); u.length",
        "3",
      ],
      [
        "const isN = (v: unknown): v is number => typeof v === 'number'; ([1, 'a'] as unknown[]).filter(isN).map((n) => n.toFixed()).join()",
        "'1'",
      ],
      ["let un: string | number = Math.random() > 2 ? 's' : 3; if (typeof un === 'number') un.toFixed(0); un", "3"],
      ["const id = <T,>(t: T) => t; id('x').length", "1"],
      ["const tuple: [a: number, ...rest: string[]] = [1, 'a']; tuple[1]!.length", "1"],
      ["type Later = typeof sat; const lt: Later = { a: 2, b: 'y' }; lt.a", "2"],
      ["interface Box<T> { v: T } const bx: Box<number> = { v: 1 }; bx.v", "1"],
      ["interface Box<T> { w: T } const by: Box<string> = { w: 'w' }; by.w + bx.v", "'w1'"],
      ["function infer<const T>(t: T) { return t } const inferred = infer({ k: ['a'] }); inferred.k[0].length", "1"],
      ["let any1: any = 1; any1.what?.ever", "undefined"],
      ["<string>any1 + (any1 as number)", "2"],
      ["let maybe: string | null = 'a' as string | null; maybe!.length", "1"],
    ],
  },
  {
    title: "what the newest libraries have",
    cells: [
      ["[3, 1, 2].toSorted().with(0, 9).join()", "'9,2,3'"],
      ["[1, 2, 3].findLast((k) => k < 3)", "2"],
      ["structuredClone({ a: [1] }).a[0]", "1"],
      ["Object.hasOwn({ a: 1 }, 'a')", "true"],
      ["'abc'.at(-1)", "'c'"],
      ["typeof Object.groupBy", process.versions.node.startsWith("20") ? "'undefined'" : "'function'"],
      ["new AggregateError([new Error('a')], 'all').errors.length", "1"],
      ["new Error('outer', { cause: 'inner' }).cause", "'inner'"],
      ["1_000n ** 2n", "1000000n"],
      ["let nothing: { a: number } | null = null as any; nothing ??= { a: 1 }; nothing.a", "1"],
      ["/(?<year>\\d{4})/.exec('in 2024')?.groups?.year", "'2024'"],
      ["'a-b-a'.replaceAll('a', 'x')", "'x-b-x'"],
    ],
  },
  {
    title: "awaiting anywhere",
    cells: [
      ["const aw = await new Promise<number>((r) => setTimeout(() => r(9), 5)); aw", "9"],
      ["let acc = 0; for (const v of [1, 2, 3]) acc += await Promise.resolve(v); acc", "6"],
      ["let fa = 0; for await (const v of (async function* () { yield 1; yield 2 })()) fa += v; fa", "3"],
      ["const { basename } = await import('node:path'); basename('/a/b')", "'b'"],
      ["const [one, two] = await Promise.all([1, Promise.resolve(2)]); one + two", "3"],
      ["await (async () => 4)()", "4"],
      ["(await import('node:os')).EOL", String.raw`'\n'`],
      ["if (await Promise.resolve(true)) { var awaited = 'yes' } awaited", "'yes'"],
      ["new Promise(() => {})", "Promise { <pending> }"],
      ["const settled = Promise.resolve(5); await settled", "5"],
      [
        "class Async { static v = 1; static async get() { return await Promise.resolve(Async.v) } } await Async.get()",
        "1",
      ],
    ],
  },
  {
    title: "the value of a cell",
    cells: [
      ["{ a: 1, b: 2 }", "{ a: 1, b: 2 }"],
      ["{ a: 1 }.a", undefined, /./],
      ["{}", "{}"],
      ["{ a: { b: [1] } } // a comment", "{ a: { b: [ 1 ] } }"],
      ["{ let q = 3; q }", "undefined"],
      ["({ q: 1 }).q;", "1"],
      ["5;\n;", "5"],
      ["6 // trailing", "6"],
      ["const only = 1", "undefined"],
      ["null", "null"],
      ["'use strict'; 7", "7"],
      ["label: for (;;) break label", "undefined"],
      ["function* g() { yield 1 }\n[...g()].length", "1"],
      ["`a${1 + 1}b`", "'a2b'"],
      ["const t = (s: TemplateStringsArray, ...v: any[]) => s.raw.join('|') + v; t`a${1}b`", "'a|b1'"],
      ["t`x${2}y`", "'x|y2'"],
      ["delete (globalThis as any).nothing", "true"],
      ["void 0", "undefined"],
      ["export default 5", "5"],
      ["export default function () { return 1 }", "[Function (anonymous)]"],
      ["export default class {}", "[class (anonymous)]"],
    ],
  },
  {
    title: "what counts for every later cell",
    cells: [
      [
        "declare global { var myGlobal: number; interface Array<T> { second(): T } } globalThis.myGlobal = 5; myGlobal",
        "5",
      ],
      ["Array.prototype.second = function () { return this[1] }; [1, 2].second()", "2"],
      ["[5, 6].second() + myGlobal", "11"],
      [
        "declare module 'node:fs' { interface Stats { extra?: string } } import { statSync } from 'node:fs'; statSync('.').extra",
        "undefined",
      ],
      ["import type { Stats } from 'node:fs'; const st: Stats['extra'] = 'e'; st", "'e'"],
      ["declare const fromNowhere: number; typeof fromNowhere", "'undefined'"],
      ["declare function nowhere(): void; typeof nowhere", "'undefined'"],
    ],
  },
  {
    title: "comments that speak to the compiler",
    cells: [
      ["// @ts-nocheck\nconst w3: number = 'x'; w3", "'x'"],
      ["// @ts-expect-error\nconst w4: number = 'y'; w4", "'y'"],
      ["// @ts-ignore\nconst w5: number = 'z'; w5", "'z'"],
      ["// @ts-expect-error\nconst fine: number = 1", undefined, /Unused '@ts-expect-error' directive/],
      ["#!/usr/bin/env node\n3", "3"],
      ["/* only a comment */", "undefined"],
      ["", "undefined"],
    ],
  },
  {
    title: "a global name may be taken, and is still there",
    cells: [
      ["const URL = 'http://x'; URL.length", "8"],
      ["new globalThis.URL('http://y/').host", "'y'"],
      ["const name = 'n', length = 2, status = 3, event = 4; name + length + status + event", "'n234'"],
      ["let process2 = process; typeof process2.pid", "'number'"],
      ["const console2 = console; typeof console2.log", "'function'"],
      ["const undefined2 = undefined, NaN2 = NaN; [undefined2, NaN2].length", "2"],
      ["const require2 = require; require2('node:path').sep", "'/'"],
    ],
  },
];
