/** The cells of the tour of the kernel, by their names, and what each must show: for the headless run and for JupyterLab's. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Output } from "../jupyterlab/lab";
import { outputText } from "../jupyterlab/lab";
import type { CodeCell } from "./cells";

/** The tour's path. */
export const tour = resolve(__dirname, "../../notebooks/tour_of_the_kernel.ipynb");

export interface TourCell extends CodeCell {
  id: string;
  metadata: { tags?: string[] };
}

/** Every cell, Markdown too. */
export const tourCells = (): TourCell[] => JSON.parse(readFileSync(tour, "utf8")).cells as TourCell[];

/** What the code cells show, by their names. */
export type TourOutputs = ReadonlyMap<string, readonly Output[]>;

/** The cells that are there to show how they fail, and what is said of each. */
const failures: Record<string, RegExp> = {
  "error-file": /^RangeError: There is nobody to greet/,
  "error-types": /^CompileError: [\s\S]*'string' is not assignable to type 'number'/,
  "error-cause": /^Error: The settings cannot be read/,
  "error-import": /%npm install a-package-that-nobody-has/,
  misspelt: /did you mean %timeit\?/,
  elsewhere: /%npm install NAME/,
};

/** What is read in a cell's outputs, whatever machine it ran on. */
const texts: Record<string, RegExp> = {
  value: /^\{ name: 'Earth', radius: 6371, day: 23\.93 \}$/,
  names: /^80$/,
  "names-later": /^55\.0/,
  last: /^\[\s+55\.0\d+,\s+80,\s+3,\s+'\[_, __/,
  await: /^'\d+ ms later'$/,
  promise: /^Promise \{ <pending> \}$/,
  modern: /^cook\(soup\)\nsoup, done\nthe stove is off\n$/,
  "use-file": /^'Hello, reader'$/,
  "use-again": /'Good to see you again, reader',\s+'Good to see you again, Ada'/,
  "typecheck-warn": /TS2322: Type 'string' is not assignable to type 'number'\.\n\n'42'$/,
  "map-set": /'set' => Set\(2\)[\s\S]*'typed array' => Float32Array\(3\)/,
  class: /\[class Temperature\][\s\S]*Temperature \{ celsius: 21 \}/,
  nested: /shelf: \{ box: 'here' \}/,
  "error-value": /^TypeError: not today\n {4}at cell \[\d+\]:1:\d+$/,
  "long-array": /\.\.\. 26 more items/,
  "long-full": /683, 691, 701/,
  change: /^… and \*\*go\*\*$/,
  progress: /^Summing: 126 primes, in [\s\S]*\n40313$/,
  print: /^(?=[\s\S]*an error, on its own ground)[\s\S]*a log,[\s\S]*a child[\s\S]*descriptor 1[\s\S]*\(index\)/,
  late: /^the cell has ended\n…and this came later\n$/,
  clear: /copied 100%$/,
  ask: /^'Good to see you again, Ada'$/,
  help: /^%timeit \[options\] STATEMENT/,
  time: /^CPU times: [\s\S]*Wall time: [\s\S]*\n\d+n$/,
  timeit: /per loop \(mean ± std\. dev\. of 3 runs/,
  "timeit-cell": /of 3 runs, 200 loops each\)/,
  bench: /median +middle half[\s\S]*in 20 rounds\./,
  shell: /from the shell, 10 times[\s\S]*tour_greeting\.ts[\s\S]*\n[12]$/,
  "shell-lines": /^\[ 3, 3, 5 \]$/,
  sh: /^round 1\nround 2\nround 3\n$/,
  script: /^Python says 1267650600228229401496703205376\n$/,
  captured: /printed in secret[\s\S]*\n\[ 'printed in secret\\n', 1 \]$/,
  who: /greetAll[\s\S]*plotDistributions/,
  whos: /\nprimes +Array +n=126\n/,
  history: / 2:\nlet rate = 0\.2;/,
  env: /the tour is almost done\n$/,
  cd: /^\/\n\n'\/'$/,
  npm: /^\d+\.\d+\.\d+/,
  gpu: /^No GPU: .|cuda:0/,
  csv: /fruit: 'quince'/,
  "csv-use": /^'apple: 2\.1; plum: 3\.4; quince: 5\.9'$/,
};

/** The richest kind that a cell shows. */
const kinds: Record<string, string> = {
  ...{ table: "text/html", "display-table": "text/html", "long-table": "text/html", csv: "text/html" },
  ...{ markdown: "text/markdown", tags: "text/html", svg: "image/svg+xml", image: "image/png" },
  ...{ json: "application/json", plotly: "application/vnd.plotly.v1+json", change: "text/markdown" },
  ...{ "own-symbol": "text/html", "own-html": "text/html", "own-bundle": "text/markdown", progress: "text/html" },
  ...{ bench: "application/vnd.plotly.v1+json", distributions: "application/vnd.plotly.v1+json" },
  ...{ "html-cell": "text/html", "markdown-cell": "text/markdown", "latex-cell": "text/latex" },
  ...{ "svg-cell": "image/svg+xml", "javascript-cell": "application/javascript", captured: "text/markdown" },
};

/** That each cell shows what it is there to show, and that none fails but those that are to. */
export function checkTour(shown: TourOutputs): void {
  for (const { id, cell_type, metadata } of tourCells()) {
    if (cell_type !== "code") continue;
    const outputs = shown.get(id) ?? [];
    const error = outputs.find(({ output_type }) => output_type === "error");
    const failure = failures[id];
    assert.equal(metadata.tags?.includes("raises-exception") === true, failure !== undefined, id);
    if (failure) assert.match(`${error?.ename}: ${error?.evalue}`, failure, id);
    else assert.equal(error, undefined, `${id}: ${outputText([...outputs])}`);
    if (texts[id]) assert.match(outputText([...outputs]), texts[id], id);
    const types = outputs.flatMap(({ data = {} }) => Object.keys(data));
    if (kinds[id]) assert.ok(types.includes(kinds[id]), `${id} shows ${types} and not ${kinds[id]}`);
  }
  for (const id of [...Object.keys(texts), ...Object.keys(kinds)]) assert.ok(shown.has(id), `there is a cell ${id}`);
}
