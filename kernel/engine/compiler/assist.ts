/** Completion, inspection and the question whether a text is complete. */
import ts from "typescript";
import type { Completeness, Completion } from "../engine";
import { filesIn } from "../files_in";
import type { Environment } from "./environment";
import { asksForJsx } from "./jsx";
import type { CellProgram } from "./program";
import { parse, scan, syntaxErrors } from "./scan";

/** What every function has: last in a list, for a model that can be called has better to offer. */
const OF_FUNCTIONS = new Set([
  "apply",
  "call",
  "bind",
  "toString",
  "length",
  "name",
  "arguments",
  "caller",
  "prototype",
]);
/** Matches that a front end gets at most. */
const MOST = 1_000;

export class Assist {
  readonly #program: CellProgram;
  readonly #environment: Environment;
  readonly #folder: string;

  constructor(program: CellProgram, environment: Environment, folder: string) {
    this.#program = program;
    this.#environment = environment;
    this.#folder = folder;
  }

  complete(code: string, offset: number): Completion {
    const before = code.slice(0, offset);
    const word = /[\w$\u0080-\uffff]*$/.exec(before)?.[0] ?? "";
    const nothing = { start: offset, end: offset, matches: [] };
    if (/(?:^|[^\w$.)\]])\d[\d_]*(?:\.\d*)?$/.test(before)) return nothing;
    const shift = this.#setCell(code);
    const { cellPath, service } = this.#program;
    const found = service.getCompletionsAtPosition(cellPath, offset + shift, {
      includeCompletionsWithInsertText: false,
      includeCompletionsForModuleExports: false,
      includeExternalModuleExports: false,
    });
    const literal = this.#stringAt(offset + shift);
    if (literal !== undefined) {
      return this.#completeString(code, offset, found, literal, shift);
    }
    const matches = this.#rank(found?.entries ?? [], word, found?.isMemberCompletion === true);
    return { start: offset - word.length, end: offset, matches };
  }

  inspect(code: string, offset: number): string | undefined {
    const shift = this.#setCell(code);
    const { cellPath, service } = this.#program;
    const at = (position: number): ts.QuickInfo | undefined =>
      service.getQuickInfoAtPosition(cellPath, position + shift);
    const info = /[\w$]/.test(code[offset] ?? "")
      ? at(offset)
      : /[\w$]/.test(code[offset - 1] ?? "")
        ? at(offset - 1)
        : undefined;
    if (info) return quickInfoText(info);
    const help = service.getSignatureHelpItems(cellPath, offset + shift, {});
    return help && signatureText(help);
  }

  isComplete(code: string): Completeness {
    const errors = syntaxErrors(parse(this.#program.pathFor(false), code));
    if (errors.length === 0) return { status: "complete" };
    const end = code.trimEnd().length;
    const unterminated = new Set([1160, 1010, 1003, 17008, 17014]);
    const isOpen = errors.some(
      ({ start, length, code: number }) => start + length >= end && (start >= end || unterminated.has(number)),
    );
    if (!isOpen) return { status: "invalid" };
    const line = code.slice(code.lastIndexOf("\n") + 1);
    const indent = /^[ \t]*/.exec(line)?.[0] ?? "";
    return { status: "incomplete", indent: /[{([]\s*$/.test(line) ? `${indent}  ` : indent };
  }

  /** Puts the text in the cell's place; how far it moves its offsets. */
  #setCell(code: string): number {
    const jsx = asksForJsx(code);
    const header = this.#environment.header(scan(this.#program.pathFor(jsx), code));
    this.#program.setCell(header + code, jsx);
    return header.length;
  }

  #rank(entries: readonly ts.CompletionEntry[], word: string, isMember: boolean): Completion["matches"] {
    const ranked = entries
      .filter(({ name }) => !/^__(?:cell|lib|globals)_/.test(name))
      .map((entry) => ({ entry, rank: `${isMember && OF_FUNCTIONS.has(entry.name) ? 1 : 0}${entry.sortText}` }))
      .sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0));
    const seen = new Set<string>();
    const all = ranked.map(({ entry }) => ({ text: entry.name, type: entry.kind as string }));
    if (!isMember) all.unshift(...[...this.#environment.names()].map((text) => ({ text, type: "const" })));
    const unique = all.filter(({ text }) => !seen.has(text) && seen.add(text));
    const exact = unique.filter(({ text }) => text.startsWith(word));
    const wanted = word.toLowerCase();
    const found = exact.length > 0 ? exact : unique.filter(({ text }) => text.toLowerCase().startsWith(wanted));
    return found.slice(0, MOST);
  }

  /** The string literal around a position of the cell's file, without its quotes' ends. */
  #stringAt(position: number): ts.StringLiteralLike | undefined {
    const file = this.#program.program.getSourceFile(this.#program.cellPath);
    const find = (node: ts.Node): ts.StringLiteralLike | undefined => {
      if (position <= node.getStart(file) || position > node.end) return undefined;
      if (ts.isStringLiteralLike(node)) {
        const closed = (node as { isUnterminated?: boolean }).isUnterminated !== true;
        return position < node.end || !closed ? node : undefined;
      }
      return ts.forEachChild(node, find);
    };
    return file && ts.forEachChild(file, find);
  }

  #completeString(
    code: string,
    offset: number,
    found: ts.CompletionInfo | undefined,
    literal: ts.StringLiteralLike,
    shift: number,
  ): Completion {
    const from = literal.getStart() + 1 - shift;
    const typed = code.slice(from, offset);
    const entries = found?.entries.filter(({ kind }) => kind !== "warning") ?? [];
    if (entries.length > 0) {
      const span = entries[0]?.replacementSpan ?? found?.optionalReplacementSpan;
      const start = span
        ? Math.min(offset, span.start - shift)
        : isSpecifier(literal)
          ? from + typed.lastIndexOf("/") + 1
          : from;
      return { start, end: offset, matches: this.#rank(entries, code.slice(start, offset), true) };
    }
    const called = ts.isCallExpression(literal.parent) ? literal.parent.expression.getText() : "";
    if (!/^(?:\.{0,2}\/|~\/)/.test(typed) && !/from_pretrained$|pipeline$|Sync$|readFile$/.test(called)) {
      return { start: offset, end: offset, matches: [] };
    }
    const folder = typed.slice(0, typed.lastIndexOf("/") + 1);
    const start = from + folder.length;
    return {
      start,
      end: offset,
      matches: filesIn(this.#folder, folder, typed.slice(folder.length)).slice(0, MOST),
    };
  }
}

function isSpecifier({ parent }: ts.Node): boolean {
  return ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent) || ts.isCallExpression(parent);
}

const textOf = (parts: readonly ts.SymbolDisplayPart[] | undefined): string =>
  ts.displayPartsToString(parts as ts.SymbolDisplayPart[]);

function quickInfoText({ displayParts, documentation, tags }: ts.QuickInfo): string {
  const head = textOf(displayParts)
    .replace(/^\(alias\) /, "")
    .replace(/\nimport [\w$]+$/, "")
    .replace(/import\("[^"]*__cell_\d+"\)\./g, "");
  return [head, textOf(documentation), tagsText(tags)].filter((each) => each !== "").join("\n\n");
}

function tagsText(tags: readonly ts.JSDocTagInfo[] | undefined): string {
  return (tags ?? []).map(({ name, text }) => `@${name} ${textOf(text)}`.trimEnd()).join("\n");
}

/** A call's signatures, the parameter that the cursor is at in angle brackets, and its documentation. */
function signatureText({ items, selectedItemIndex, argumentIndex }: ts.SignatureHelpItems): string {
  const chosen = items[selectedItemIndex] as ts.SignatureHelpItem;
  const text = (item: ts.SignatureHelpItem): string => {
    const at = item.isVariadic ? Math.min(argumentIndex, item.parameters.length - 1) : argumentIndex;
    const parameters = item.parameters.map((each, i) => {
      const shown = textOf(each.displayParts);
      return item === chosen && i === at ? `‹${shown}›` : shown;
    });
    const separator = textOf(item.separatorDisplayParts);
    return textOf(item.prefixDisplayParts) + parameters.join(separator) + textOf(item.suffixDisplayParts);
  };
  const others = items.filter((each) => each !== chosen).map(text);
  const at = chosen.isVariadic ? Math.min(argumentIndex, chosen.parameters.length - 1) : argumentIndex;
  const parameter = chosen.parameters[at];
  const about = parameter && textOf(parameter.documentation);
  return [
    [text(chosen), ...others].join("\n"),
    textOf(chosen.documentation),
    about ? `${parameter.name}: ${about}` : "",
    tagsText(chosen.tags.filter(({ name }) => name !== "param")),
  ]
    .filter((each) => each !== "")
    .join("\n\n");
}
