/** Imports and exports of every kind, without the network. */
import type { Group } from "./group";

export const imports: Group[] = [
  {
    title: "what Node.js has",
    cells: [
      [
        "import * as path from 'node:path'; import { readFileSync as rf, existsSync } from 'fs'; path.join('a', 'b')",
        "'a/b'",
      ],
      ["path.basename('/q/w') + typeof rf + existsSync('/')", "'wfunctiontrue'"],
      ["import path from 'path'; path.sep", "'/'"],
      [
        "import type { Stats } from 'fs'; import { type Dirent } from 'fs'; let st: Stats | Dirent | undefined; st",
        "undefined",
      ],
      ["import { EventEmitter } from 'node:events'; new EventEmitter().listenerCount('a')", "0"],
      ["import fsp = require('node:fs/promises'); typeof fsp.readFile", "'function'"],
      ["const os = require('node:os'); typeof os.cpus", "'function'"],
      ["import 'node:util'; 1", "1"],
      ["import def, { join as j2 } from 'node:path'; def.join === j2", "true"],
    ],
  },
  {
    title: "local files by any spelling",
    files: {
      "a.ts": "export const a = 1; export default 'A'; export enum Mode { X = 'x' }",
      "b.tsx": "export const b = <T,>(t: T) => t;",
      "c.mts": "export const c: number = 3; export const here = import.meta.url.endsWith('c.mts');",
      "d.cts": "import os = require('node:os'); const d: number = 4; export = { d, sep: typeof os.cpus };",
      "e.js": "export const e = 5;",
      "f.cjs": "module.exports = { f: 6 };",
      "g.mjs": "export const g = await Promise.resolve(7);",
      "lib/index.ts":
        "import { a } from '../a'; export const lib = a + 10; export * from './inner'; export * as all from './inner';",
      "lib/inner.ts": "import type { Absent } from 'nowhere'; export const inner = 'in'; export type T = Absent;",
      "data.json": '{ "name": "J", "list": [1, 2] }',
    },
    cells: [
      ["import A, { a, Mode } from './a'; A + a + Mode.X", "'A1x'"],
      ["import { a as a2 } from './a.ts'; a2", "1"],
      ["import { a as a3 } from './a.js'; a3", "1"],
      ["import { b } from './b.tsx'; b('b')", "'b'"],
      ["import { b as b2 } from './b'; b2('b')", "'b'"],
      ["import { c, here } from './c.mts'; [c, here].join()", "'3,true'"],
      ["import { c as c2 } from './c.mjs'; c2", "3"],
      ["import d from './d.cts'; d.d + d.sep", "'4function'"],
      ["import { e } from './e.js'; e", "5"],
      ["import f from './f.cjs'; f.f", "6"],
      ["import { g } from './g.mjs'; g", "7"],
      ["import { lib, inner, all } from './lib'; lib + inner + all.inner", "'11inin'"],
      ["import * as whole from './lib/index.ts'; Object.keys(whole).sort().join()", "'all,inner,lib'"],
      ["import data from './data.json'; data.list[1]!.toFixed()", "'2'"],
      ["import data2 from './data.json' with { type: 'json' }; data2.name", "'J'"],
      ["(await import('./a')).a", "1"],
      ["const spec = './lib'; (await import(spec)).lib", "11"],
      ["export { a as renamed } from './a'; export * as ns from './a'", "undefined"],
      ["renamed + ns.a", "2"],
      ["export * from './lib/inner'", "undefined"],
      ["inner", "'in'"],
    ],
  },
  {
    title: "names can be exported, and are the session's",
    cells: [
      ["const a1 = 5", "undefined"],
      ["export { a1 as zz }", "undefined"],
      ["zz", "5"],
      ["export const ek = 5; export class DK { v = 1 }; export function fk() { return 2 } ek", "5"],
      ["ek + new DK().v + fk()", "8"],
      ["export default class Named { v = 3 }", "undefined"],
      ["new Named().v", "3"],
    ],
  },
  {
    title: "files that import each other",
    files: {
      "even.ts":
        "import { odd } from './odd'; export function even(n: number): boolean { return n === 0 || odd(n - 1) }",
      "odd.ts":
        "import { even } from './even'; export function odd(n: number): boolean { return n !== 0 && even(n - 1) }",
    },
    cells: [
      ["import { even } from './even'; even(10)", "true"],
      ["import { odd } from './odd'; odd(10)", "false"],
    ],
  },
  {
    title: "what is not there is said with the line to type",
    cells: [
      [
        "import x from 'left-pad'",
        undefined,
        /There is no package "left-pad" here: "%npm install left-pad" installs it/,
      ],
      ["import y from '@scope/thing/sub'", undefined, /%npm install @scope\/thing"/],
      ["import z from 'npm:chalk@5'", undefined, /%npm install chalk@5" .* import "chalk"/],
      ["import j from 'jsr:@std/path'", undefined, /@jsr\/std__path/],
      ["import h from 'https://esm.sh/ky'", undefined, /not loaded from the network/],
      ["import { q } from './nowhere'", undefined, /Cannot find module '\.\/nowhere'/],
      ["import { nope } from 'node:path'", undefined, /has no exported member 'nope'/],
      ["Deno.cwd()", undefined, /This kernel runs Node\.js/],
      ["$$('a')", undefined, /Cells run in Node\.js/],
    ],
  },
  {
    title: "tsconfig.json beside the notebook decides",
    files: {
      "tsconfig.json":
        '{ "compilerOptions": { "strict": true, "baseUrl": ".", "paths": { "@lib/*": ["lib/*"] }, "jsx": "react", "jsxFactory": "h" } }',
      "lib/al.ts": "export const aliased = 7;",
    },
    cells: [
      ["function sl(x: string | undefined) { return x.length }", undefined, /'x' is possibly 'undefined'/],
      ["import { aliased } from '@lib/al'; aliased", "7"],
      [
        "const h = (tag: any, props: any, ...inner: any[]) => ({ tag, props, inner }); declare global { namespace JSX { interface IntrinsicElements { [k: string]: any } } } h('a', null).tag",
        "'a'",
      ],
      [
        "const el = <div id='x'>hi {1 + 1}</div>; JSON.stringify(el)",
        `'{"tag":"div","props":{"id":"x"},"inner":["hi ",2]}'`,
      ],
      ["const Comp = () => 1; (<Comp {...{ a: 1 }} /> as any).tag === Comp", "true"],
    ],
  },
  {
    title: "JSX by a pragma, or with a sentence that says how",
    files: {
      "node_modules/mini/package.json":
        '{ "name": "mini", "version": "1.0.0", "exports": { "./jsx-runtime": { "types": "./jsx.d.ts", "default": "./jsx.js" } } }',
      "node_modules/mini/jsx.js": "exports.jsx = exports.jsxs = (type, props) => ({ type, props });",
      "node_modules/mini/jsx.d.ts":
        "export declare const jsx: any; export declare const jsxs: any; export namespace JSX { interface IntrinsicElements { [k: string]: any } }",
    },
    cells: [
      ["const el = <div>hi</div>", undefined, /./],
      [
        "/** @jsxImportSource mini */\nconst el = <b>hi</b>; JSON.stringify(el)",
        `'{"type":"b","props":{"children":"hi"}}'`,
      ],
      ["const cast = <any>5; cast", "5"],
    ],
  },
  {
    title: "packages with exports, and types that cannot be named",
    files: {
      "node_modules/pack/package.json":
        '{ "name": "pack", "version": "1.0.0", "exports": { ".": { "types": "./index.d.ts", "default": "./index.js" }, "./sub/*": { "types": "./sub/*.d.ts", "import": "./sub/*.mjs" } } }',
      "node_modules/pack/index.d.ts":
        'import { Inner } from "./inner"; export declare function make(): Inner; export interface OnlyType { k: 1 }',
      "node_modules/pack/inner.d.ts": "export declare class Inner { v: number; }",
      "node_modules/pack/index.js": "class Inner { v = 3 } exports.make = () => new Inner();",
      "node_modules/pack/sub/x.d.ts": "export declare const s: string;",
      "node_modules/pack/sub/x.mjs": "export const s = 'sub';",
      "node_modules/types-only/package.json": '{ "name": "types-only", "version": "1.0.0", "types": "index.d.ts" }',
      "node_modules/types-only/index.d.ts": "export interface Only { k: number }",
    },
    cells: [
      ["import { make } from 'pack'; const made = make(); made.v", "3"],
      ["made.v + 1", "4"],
      ["import { s } from 'pack/sub/x'; s", "'sub'"],
      ["import { Only } from 'types-only'; const only: Only = { k: 1 }; only.k", "1"],
      ["import { OnlyType } from 'pack'; const ot: OnlyType = { k: 1 }; ot.k", "1"],
      ["import { q9 } from 'pack/none'", undefined, /pack/],
    ],
  },
  {
    title: "a cell can be a module",
    cells: [
      ["/** @module shapes */\nexport const sides = 4; export class Shape { n = sides }", "undefined"],
      ["import { sides, Shape } from './shapes'; sides + new Shape().n", "8"],
      ["/** @module shapes */\nexport const sides = 5", "undefined"],
      ["import { sides } from './shapes'; sides", "5"],
      ["/** @module wrong */\nexport const w: number = 'text'", undefined, /not assignable/],
    ],
  },
  {
    title: "a place of its own",
    cells: [
      ["import.meta.url.startsWith('file:')", "true"],
      ["import.meta.dirname === __dirname", "true"],
      ["import.meta.filename.startsWith(__dirname)", "true"],
    ],
  },
];
