/**
 * Tables of records. HTML that is readable in light and dark, needs no network and no style sheet, and sorts itself where
 * scripts may run: a click on a column's name sorts by it, another click the other way round.
 */
import { isPlainObject } from "./plain";
import { escapeHtml } from "./markup";
import { textOf } from "./text";

export type Row = Record<string, unknown>;

/** Rows that a table shows unless more are asked for. */
const MOST_ROWS = 200;
/** Of a value: how a cell of the table is cut. */
const LONGEST_CELL = 200;
/** Shapes that an array of records may have to be shown as a table without being asked. */
const FLAT = { columns: 20, value: 120 };

const ground = "var(--jp-layout-color0, var(--vscode-editor-background, Canvas))";
const style = {
  /** A long table scrolls in itself, and its head stays. */
  box: "overflow:auto;width:fit-content;max-width:100%;max-height:480px",
  table:
    "border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;color:var(--jp-content-font-color1, inherit);margin:0",
  head: `position:sticky;top:0;padding:4px 10px;box-shadow:inset 0 -2px var(--jp-border-color1, rgba(128,128,128,.6));cursor:pointer;user-select:none;white-space:nowrap;color:inherit;background:${ground};text-align:`,
  row: "background:transparent;border-bottom:1px solid rgba(128,128,128,.3)",
  /** Of every cell, so it is short. */
  cell: "padding:3px 10px;vertical-align:top;white-space:pre-wrap;text-align:",
  note: "font-size:12px;opacity:.75;padding:4px 0",
};

/** In an attribute, so that no id is needed and a page that forbids scripts shows the table all the same. */
const SORT =
  `var h=this,t=h.closest('table'),b=t.tBodies[0],i=h.cellIndex,d=h.getAttribute('aria-sort')==='ascending'?-1:1;
[].forEach.call(h.parentNode.cells,function(c){c.removeAttribute('aria-sort');c.lastElementChild.textContent=''});
h.setAttribute('aria-sort',d===1?'ascending':'descending');h.lastElementChild.textContent=d===1?' ▲':' ▼';
[].slice.call(b.rows).sort(function(x,y){x=x.cells[i];y=y.cells[i];var m=x.dataset.v,n=y.dataset.v;
if(m===undefined&&n===undefined)return d*x.textContent.localeCompare(y.textContent);
if(m===undefined)return 1;if(n===undefined)return -1;return d*(m-n)}).forEach(function(r){b.appendChild(r)})`.replace(
    /\n/g,
    "",
  );
const SORT_BY_KEY = "if(event.key==='Enter'||event.key===' '){event.preventDefault();this.click()}";

/** True for an array of at least two flat records with the same few keys, short enough to be read as a table. */
export function isTable(value: unknown): value is Row[] {
  if (!Array.isArray(value) || value.length < 2 || !isPlainObject(value[0])) {
    return false;
  }
  const keys = Object.keys(value[0]);
  return (
    keys.length > 0 &&
    keys.length <= FLAT.columns &&
    value.every(
      (row) => isPlainObject(row) && Object.keys(row).join() === keys.join() && keys.every((key) => isFlat(row[key])),
    )
  );
}

/** A value that has its place in a cell of a table. */
function isFlat(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return value.length <= FLAT.value;
    case "object":
      return value === null || value instanceof Date;
    case "function":
      return false;
    default:
      return true;
  }
}

export interface TableOptions {
  /** Default: every key of the rows that are shown, in the order in which they come. */
  columns?: readonly string[];
  /** How many rows are shown at most; default: 200. */
  rows?: number;
}

/** The rows as an HTML table. */
export function tableHtml(rows: readonly unknown[], { columns, rows: most = MOST_ROWS }: TableOptions = {}): string {
  const shown = rows.slice(0, most).map(toRecord);
  const names = columns ?? [...new Set(shown.flatMap((row) => Object.keys(row)))];
  const isNumeric = names.map((name) => {
    const values = shown.map((row) => row[name]).filter((value) => value !== undefined && value !== null);
    return values.length > 0 && values.every((value) => typeof value === "number" || typeof value === "bigint");
  });
  const head = names
    .map(
      (name, i) =>
        `<th scope="col" tabindex="0" role="columnheader" title="Sort" onclick="${escapeHtml(SORT)}" onkeydown="${escapeHtml(SORT_BY_KEY)}" style="${style.head}${side(isNumeric[i])}">${escapeHtml(name)}<span aria-hidden="true"></span></th>`,
    )
    .join("");
  const body = shown
    .map(
      (row) => `<tr style="${style.row}">${names.map((name, i) => cell(row[name], side(isNumeric[i]))).join("")}</tr>`,
    )
    .join("\n");
  const table = `<div style="${style.box}"><table style="${style.table}"><thead><tr style="background:transparent">${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
  return rows.length > shown.length ? `${table}${noteOf(rows.length, shown.length)}` : table;
}

/** How many rows are missing, and the way to them. */
function noteOf(all: number, shown: number): string {
  const [more, of] = [all - shown, all].map((count) => count.toLocaleString("en"));
  return `<div style="${style.note}">… ${more} more rows of ${of}; <code>display.table(rows, { rows: ${all} })</code> shows all</div>`;
}

const side = (numeric = false): string => (numeric ? "right" : "left");

function cell(value: unknown, align: string): string {
  const by = sortsBy(value);
  const data = by === undefined ? "" : ` data-v="${by}"`;
  return `<td${data} style="${style.cell}${align}">${escapeHtml(cellText(value))}</td>`;
}

/** The number that a value is sorted by; undefined: by its text. */
function sortsBy(value: unknown): number | undefined {
  const number =
    value instanceof Date || typeof value === "bigint" || typeof value === "number" ? Number(value) : Number.NaN;
  return Number.isNaN(number) ? undefined : number;
}

function cellText(value: unknown): string {
  const text =
    typeof value === "string"
      ? value
      : value === undefined
        ? ""
        : value instanceof Date
          ? dateText(value)
          : textOf(value);
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text;
}

function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "Invalid Date" : date.toISOString();
}

/** A row of anything: records and lists are spread, other values stand in one column. */
function toRecord(row: unknown): Row {
  if (Array.isArray(row)) {
    return Object.fromEntries(row.map((value, i) => [String(i), value]));
  }
  return typeof row === "object" && row !== null ? (row as Row) : { value: row };
}
