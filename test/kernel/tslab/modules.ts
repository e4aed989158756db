/** Cells that are modules, and local files. */
import type { Behaviour } from "./behaviour";

export const modules: Behaviour[] = [
  [
    "a cell with @module is a module that other cells import",
    ["/** @module mylib */ export const a = 'AAA';"],
    ['import * as mylib from "./mylib"; mylib.a + "BBB"', "'AAABBB'"],
  ],
  [
    "a module that is written again is imported anew, with its new types",
    ["/**\n * @module mylib\n */\nexport let a = 1234;"],
    ['import { a as anew } from "./mylib"; const typed: number = anew; typed', "1234"],
  ],
  [
    "a module's type error stops its cell",
    ["/** @module wrong */ export const x: number = 'text';", /not assignable to type 'number'/],
  ],
  [
    "a module's own names are no variables of the notebook",
    ["/** @module closed */ const hiddenInModule = 'ABC';"],
    ["hiddenInModule", /Cannot find name 'hiddenInModule'/],
  ],
  [
    "a module may hold JSX",
    ["/** @jsx @module withjsx */ let React: any = { createElement: () => 1 }; export let x = <div></div>;"],
  ],
  ["files are imported with what they import", ['import { bVal } from "./pkg/b/c"; bVal', "'BBBAAA'"]],
  [
    "a file is loaded once while it does not change",
    ['import { uid } from "./pkg/rand"; const first = uid;'],
    ['import { uid } from "./pkg/rand"; uid === first', "true"],
  ],
  [
    "a file that has changed is read again",
    ['import { changing } from "./pkg/changing"; changing', "'ABC'"],
    ['require("fs").writeFileSync("pkg/changing.ts", \'export const changing = "XYZ";\');'],
    ['import { changing } from "./pkg/changing"; changing', "'XYZ'"],
  ],
  // tslab stops the cell; here the file runs, since its JavaScript is good, and the complaint is a warning.
  [
    "a type error in a file is told, as a warning and not, as in tslab, an error",
    ['import { aVal } from "./pkg/wrong"; aVal', "'AAA'"],
  ],
];

/** The files that they import. */
export const files: Record<string, string> = {
  "pkg/a.ts": 'export const aVal: string = "AAA";',
  "pkg/b/c.ts": 'import { aVal } from "../a";\nexport const bVal = "BBB" + aVal;',
  "pkg/rand.ts": 'import { randomBytes } from "crypto";\nexport const uid = randomBytes(8).toString("hex");',
  "pkg/changing.ts": 'export const changing = "ABC";',
  "pkg/wrong.ts": 'export const aVal: number = "AAA";',
};
