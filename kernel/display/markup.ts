/** HTML and Markdown written in cells, with what is interpolated escaped: the tags `html` and `md`. */
import { jupyterDisplay, type MimeBundle } from "../../src/host";

/** Text in a markup language, which shows itself as what it means. */
export class Markup {
  readonly type: "text/html" | "text/markdown" | "text/latex";
  readonly text: string;

  constructor(type: Markup["type"], text: string) {
    this.type = type;
    this.text = text;
  }

  [jupyterDisplay](): MimeBundle {
    return { [this.type]: this.text, "text/plain": this.text };
  }

  toString(): string {
    return this.text;
  }
}

/** Text that HTML shows as it is, in an element or in a quoted attribute. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}

/** Text that Markdown shows as it is. */
function escapeMarkdown(text: string): string {
  return escapeHtml(text)
    .replace(/[\\`*_{}[\]()#+\-.!|~$]/g, "\\$&")
    .replace(/\r?\n/g, " ");
}

/** HTML in which interpolated values are text; other HTML made by this tag stays HTML, and the items of an array are joined. */
export const html = tag("text/html", escapeHtml);

/** Markdown in which interpolated values are text; other Markdown made by this tag stays Markdown. */
export const md = tag("text/markdown", escapeMarkdown);

function tag(
  type: Markup["type"],
  escaped: (text: string) => string,
): (strings: TemplateStringsArray, ...values: unknown[]) => Markup {
  const insert = (value: unknown): string => {
    if (Array.isArray(value)) {
      return value.map(insert).join("");
    }
    if (value instanceof Markup && (value.type === type || type === "text/markdown")) {
      return value.text;
    }
    // As in JSX: what stands for "nothing here" shows nothing.
    return value === undefined || value === null || value === false ? "" : escaped(String(value));
  };
  return (strings, ...values) => {
    const parts = strings.map((part, i) => part + (i < values.length ? insert(values[i]) : ""));
    return new Markup(type, parts.join(""));
  };
}
