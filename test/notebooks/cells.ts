/** The cells of a notebook file. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Output } from "../jupyterlab/lab";

/** The chapter's path. */
export const chapter = resolve(__dirname, "../../notebooks/looking_inside_transformers.ipynb");

export interface CodeCell {
  cell_type: "code" | "markdown";
  source: string[] | string;
  outputs: Output[];
  execution_count: number | null;
}

export const codeCells = (file: string): CodeCell[] =>
  (JSON.parse(readFileSync(file, "utf8")).cells as CodeCell[]).filter((cell) => cell.cell_type === "code");

export const sourceOf = (cell: CodeCell): string => [cell.source].flat().join("");

/** Whether a cell is the one that is meant by a part of its source. */
export const holds = (source: string, part: string | RegExp): boolean =>
  typeof part === "string" ? source.includes(part) : part.test(source);
