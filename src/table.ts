/** Small tables of text, as lines for a terminal and as HTML for a notebook. */
import { escapeMarkup } from "./markup";

/** The first row is the head; all rows are equally long. */
export interface TextTable {
  rows: string[][];
  /** Columns whose cells stand at the right, as numbers do. */
  numeric?: (column: number) => boolean;
}

/** One line a row, two spaces between the columns. */
export function tableText({ rows, numeric = () => false }: TextTable): string[] {
  const widths = (rows[0] as string[]).map((_, i) => Math.max(...rows.map((cells) => (cells[i] as string).length)));
  const pad = (cell: string, i: number): string =>
    numeric(i) ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number);
  return rows.map((cells) => cells.map(pad).join("  ").trimEnd());
}

/** A `<table>`. */
export function tableHtml({ rows, numeric = () => false }: TextTable): string {
  const [head = [], ...body] = rows;
  const line = (tag: string, cells: string[]): string => {
    const side = (i: number): string => (numeric(i) ? "right" : "left");
    return `<tr>${cells.map((cell, i) => `<${tag} style="text-align:${side(i)}">${escapeMarkup(cell)}</${tag}>`).join("")}</tr>`;
  };
  return `<table><thead>${line("th", head)}</thead><tbody>${body.map((cells) => line("td", cells)).join("")}</tbody></table>`;
}
