/** `%%html`, `%%markdown`, `%%javascript`, `%%svg`, `%%latex`: the cell shown as what it is. */
import type { Magic, MagicOption } from "../../src/magic";

interface Shown {
  name: string;
  aliases?: string[];
  type: string;
  what: string;
  example: string;
  options?: MagicOption[];
}

function show({ name, aliases, type, what, example, options = [] }: Shown): Magic {
  return {
    name,
    aliases,
    kinds: ["cell"],
    summary: `Shows the cell as ${what}.`,
    options,
    example: `%%${name}\n${example}`,
    async run(context, { options: given, rest, body }) {
      if (rest !== "") throw new Error(`%%${name} takes nothing on its own line but received ${rest}`);
      const text = body ?? "";
      const metadata = given.has("--isolated") ? { [type]: { isolated: true } } : {};
      context.display({ [type]: text, "text/plain": text }, { metadata });
      return undefined;
    },
  };
}

export const html: Magic = show({
  name: "html",
  aliases: ["HTML"],
  type: "text/html",
  what: "HTML",
  example: "<b>bold</b>",
  options: [{ flag: "--isolated", summary: "in a frame of its own, which styles do not leave" }],
});

export const markdown: Magic = show({
  name: "markdown",
  type: "text/markdown",
  what: "Markdown",
  example: "# A *title*",
});

export const javascript: Magic = show({
  name: "javascript",
  aliases: ["js"],
  type: "application/javascript",
  what: "JavaScript that the browser runs, where the front end allows it",
  example: 'element.textContent = "from the browser"',
});

export const svg: Magic = show({
  name: "svg",
  aliases: ["SVG"],
  type: "image/svg+xml",
  what: "an SVG picture",
  example: '<svg viewBox="0 0 9 9"><circle cx="4" cy="4" r="3"/></svg>',
});

export const latex: Magic = show({ name: "latex", type: "text/latex", what: "LaTeX", example: "$e^{i\\pi} = -1$" });
