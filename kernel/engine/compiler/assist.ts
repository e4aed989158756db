/** Completion, inspection and the question whether a text is complete. */
import ts from "typescript";
import type { Completeness, Completion } from "../engine";
import { fitting } from "../fitting";
import type { Environment } from "./environment";
import { type ExplainQuery, explainCall, explainName } from "./explain";
import { asksForJsx } from "./jsx";
import { liveSpot } from "./live";
import type { CellProgram } from "./program";
import { parse, scan, syntaxErrors } from "./scan";
import { stringMatches } from "./strings";

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
/** Names that a text imports though it does not use them, at most. */
const RECENT = 50;

export class Assist {
  readonly #program: CellProgram;
  readonly #environment: Environment;
  readonly #folder: string;
  readonly #isLenient: () => boolean;
  /** Names that the last texts used: while a text imports what the one before did, most of the program stays as it is. */
  readonly #recent = new Set<string>();

  /**
   * @param folder the notebook's
   * @param isLenient whether cells run with type errors
   */
  constructor(program: CellProgram, environment: Environment, folder: string, isLenient: () => boolean) {
    this.#program = program;
    this.#environment = environment;
    this.#folder = folder;
    this.#isLenient = isLenient;
  }

  complete(code: string, offset: number): Completion {
    const before = code.slice(0, offset);
    const word = /[\w$\u0080-\uffff]*$/.exec(before)?.[0] ?? "";
    const nothing = { start: offset, end: offset, matches: [] };
    if (/(?:^|[^\w$.)\]])\d[\d_]*(?:\.\d*)?$/.test(before)) return nothing;
    const shift = this.#setCell(code);
    const { cellPath, service } = this.#program;
    const position = offset + shift;
    const found = service.getCompletionsAtPosition(cellPath, position, {
      includeCompletionsWithInsertText: false,
      includeCompletionsForModuleExports: false,
      includeExternalModuleExports: false,
    });
    const program = this.#program.program;
    const file = program.getSourceFile(cellPath) as ts.SourceFile;
    const checker = program.getTypeChecker();
    const literal = stringAt(file, position);
    const live = liveSpot({ file, checker, position, literal, lenient: this.#isLenient() });
    if (literal) {
      const query = { literal, position, checker, found, folder: this.#folder, lent: this.#program.lent };
      const { start, matches } = stringMatches(query);
      const from = start - shift;
      return { start: from, end: offset, matches: firstOf(matches, code.slice(from, offset)), live };
    }
    return { start: offset - word.length, end: offset, matches: firstOf(this.#rank(found), word), live };
  }

  inspect(code: string, offset: number): string | undefined {
    const shift = this.#setCell(code);
    const { cellPath: path, service } = this.#program;
    const at = (position: number): ExplainQuery => ({ service, path, position: position + shift });
    const isName = (position: number): boolean => /[\w$]/.test(code[position] ?? "");
    const name = isName(offset) ? offset : isName(offset - 1) ? offset - 1 : undefined;
    return (name === undefined ? undefined : explainName(at(name))) ?? explainCall(at(offset));
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
    const read = scan(this.#program.pathFor(jsx), code);
    const used = [...read.used].filter((name) => this.#environment.has(name));
    if (used.some((name) => !this.#recent.has(name)) && this.#recent.size + used.length > RECENT) this.#recent.clear();
    for (const name of used) this.#recent.add(name);
    const header = this.#environment.header({ ...read, used: new Set([...this.#recent, ...read.used]) });
    this.#program.setCell(header + code, jsx, true);
    return header.length;
  }

  /** The compiler's matches, best first. */
  #rank(found: ts.CompletionInfo | undefined): Completion["matches"] {
    if (found === undefined) return [];
    const isMember = found.isMemberCompletion;
    const rank = ({ name, kind, sortText }: ts.CompletionEntry): string =>
      `${kind === ts.ScriptElementKind.string ? 0 : isMember && OF_FUNCTIONS.has(name) ? 2 : 1}${sortText}`;
    const ranked = found.entries
      .filter(({ name }) => !/^__(?:cell|lib|globals)_/.test(name))
      .map((entry) => ({ entry, rank: rank(entry) }))
      .sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0));
    const all = ranked.map(({ entry }) => ({ text: entry.name, type: entry.kind as string }));
    if (!found.isMemberCompletion) {
      const literals = all.findIndex(({ type }) => type !== ts.ScriptElementKind.string);
      const names = [...this.#environment.names()].map((text) => ({ text, type: "const" }));
      all.splice(Math.max(0, literals), 0, ...names);
    }
    return all;
  }
}

/** The first matches that fit a word, each once. */
function firstOf(all: Completion["matches"], word: string): Completion["matches"] {
  const seen = new Set<string>();
  const unique = all.filter(({ text }) => !seen.has(text) && seen.add(text));
  return fitting(unique, word, ({ text }) => text).slice(0, MOST);
}

/** The string literal around a position, without its quotes' ends. */
function stringAt(file: ts.SourceFile, position: number): ts.StringLiteralLike | undefined {
  const find = (node: ts.Node): ts.StringLiteralLike | undefined => {
    if (position <= node.getStart(file) || position > node.end) return undefined;
    if (ts.isStringLiteralLike(node)) {
      const closed = (node as { isUnterminated?: boolean }).isUnterminated !== true;
      return position < node.end || !closed ? node : undefined;
    }
    return ts.forEachChild(node, find);
  };
  return ts.forEachChild(file, find);
}
