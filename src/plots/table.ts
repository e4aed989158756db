/** Numbers behind a drawing as a table that is folded away until it is wanted. */
import { escapeMarkup } from "../markup";

/** A table's head and rows; where a cell is a number, it stands at the right. */
export interface Table {
  /** What opens it. */
  name: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

const numeric = /^[-−+]?[\d,.]+( ?[%×]|e[-+]?\d+)?$/;

/** The table as HTML without scripts, styles or classes. */
export function tableHtml({ name, head, rows }: Table): string {
  const cell = (text: string): string =>
    `<td style="text-align: ${numeric.test(text) ? "right" : "left"}; white-space: pre-wrap">${escapeMarkup(text)}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`);
  const names = head.map((text) => `<th style="text-align: left">${escapeMarkup(text)}</th>`);
  return `<details><summary>${escapeMarkup(name)}</summary><table><tr>${names.join("")}</tr>${body.join("")}</table></details>`;
}
