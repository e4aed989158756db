/** The tokens of a template, as the parsers read them. */
import { type Token, tokenize } from "./lexer";
import { TemplateError } from "./values";

const end: Token = { type: "end", value: "", line: 0 };

export class TokenStream {
  readonly #tokens: Token[];
  #at = 0;

  constructor(source: string) {
    this.#tokens = tokenize(source);
  }
  get current(): Token {
    return this.#tokens[this.#at] ?? end;
  }
  get following(): Token {
    return this.#tokens[this.#at + 1] ?? end;
  }
  next(): Token {
    return this.#tokens[this.#at++] ?? end;
  }
  /** Whether the current token is of a type, or with "name:for" this very name. */
  is(what: string): boolean {
    const { type, value } = this.current;
    return what.startsWith("name:") ? type === "name" && value === what.slice(5) : type === what;
  }
  skip(what: string): boolean {
    if (!this.is(what)) return false;
    this.#at++;
    return true;
  }
  expect(what: string): Token {
    if (this.is(what)) return this.next();
    return this.fail(`expected ${what.replace("name:", "").replace("_", " of ")}, got ${this.describe()}`);
  }
  describe(): string {
    const { type, value } = this.current;
    if (type === "end") return "the end of the template";
    return /_(begin|end)$/.test(type) ? type.replace(/(.*)_(.*)/, "$2 of $1") : `'${value}'`;
  }
  fail(what: string): never {
    const line = this.current.line || (this.#tokens.at(-1)?.line ?? 1);
    throw new TemplateError(`line ${line}: ${what}`);
  }
}
