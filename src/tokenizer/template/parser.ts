/** Parses a template: its text, and the statements in `{% %}`. */
import type { Body, Expr, Signature, Statement } from "./nodes";
import { ExpressionParser } from "./parse_expression";
import { TokenStream } from "./stream";

/** @throws TemplateError with the line, where it is no template. */
export function parseTemplate(source: string): Body {
  const stream = new TokenStream(source);
  return new StatementParser(stream).body([]);
}

class StatementParser {
  readonly #expressions: ExpressionParser;
  /** Loops around; `break` and `continue` stand in one. */
  #loops = 0;

  constructor(readonly stream: TokenStream) {
    this.#expressions = new ExpressionParser(stream);
  }

  /** Up to one of the names, which is then the current token; or to the template's end where none is given. */
  body(ends: string[]): Body {
    const { stream } = this;
    const body: Body = [];
    for (;;) {
      const { type, value, line } = stream.current;
      if (type === "end") {
        if (ends.length > 0) stream.fail(`unexpected end of template, expected ${ends.join(" or ")}`);
        return body;
      }
      stream.next();
      if (type === "data") body.push({ line, type: "text", value });
      else if (type === "variable_begin") {
        body.push({ line, type: "print", values: [this.#expressions.tuple()] });
        stream.expect("variable_end");
      } else {
        if (stream.is("name") && ends.includes(stream.current.value)) return body;
        body.push({ line, ...this.#statement() } as Statement);
        stream.expect("block_end");
      }
    }
  }

  /** The end of the tag, a body, and the name that ends it. */
  #block(...ends: string[]): { body: Body; end: string } {
    this.stream.skip(":");
    this.stream.expect("block_end");
    const body = this.body(ends);
    return { body, end: this.stream.next().value };
  }

  #statement(): DistributiveOmit<Statement, "line"> {
    const { stream } = this;
    const expressions = this.#expressions;
    const keyword = stream.expect("name").value;
    switch (keyword) {
      case "for":
        return this.#for();
      case "if":
        return this.#if();
      case "set": {
        const target = expressions.target({ namespaces: true });
        if (stream.skip("=")) return { type: "set", target, value: expressions.tuple() };
        const filter = expressions.filter(undefined);
        return { type: "set_block", target, filter, body: this.#block("endset").body };
      }
      case "macro": {
        const name = stream.expect("name").value;
        return { type: "macro", name, signature: this.#signature(), body: this.#apart("endmacro") };
      }
      case "call": {
        const signature = stream.is("(") ? this.#signature() : { names: [], defaults: [] };
        const call = expressions.expression();
        if (call.type !== "call") return stream.fail("expected a call");
        return { type: "call_block", signature, call, body: this.#apart("endcall") };
      }
      case "filter":
        return {
          type: "filter_block",
          filter: expressions.filter(undefined, true) as Expr,
          body: this.#block("endfilter").body,
        };
      case "with": {
        const assignments: (Statement & { type: "with" })["assignments"] = [];
        while (!stream.is("block_end")) {
          if (assignments.length > 0) stream.expect(",");
          const target = expressions.target({ ends: ["="] });
          stream.expect("=");
          assignments.push([target, expressions.expression()]);
        }
        return { type: "with", assignments, body: this.#block("endwith").body };
      }
      case "print": {
        const values: Expr[] = [];
        while (!stream.is("block_end")) {
          if (values.length > 0) stream.expect(",");
          values.push(expressions.expression());
        }
        return { type: "print", values };
      }
      case "generation":
        return { type: "scope", body: this.#apart("endgeneration") };
      case "autoescape": {
        // Escaping is HTML's, which no conversation is.
        expressions.expression();
        return { type: "scope", body: this.#block("endautoescape").body };
      }
      case "block": {
        const name = stream.expect("name").value;
        if (!stream.skip("name:scoped")) stream.skip("name:required");
        const { body } = this.#block("endblock");
        stream.skip(`name:${name}`);
        return { type: "scope", body };
      }
      case "break":
      case "continue":
        if (this.#loops === 0) stream.fail(`'${keyword}' outside of a loop`);
        return { type: keyword };
      case "include":
      case "import":
      case "from":
      case "extends":
        return stream.fail(`'${keyword}' wants another template, and there is none`);
      default:
        return stream.fail(`unknown tag '${keyword}'`);
    }
  }

  #for(): DistributiveOmit<Statement, "line"> {
    const { stream } = this;
    const target = this.#expressions.target({ ends: ["name:in"] });
    stream.expect("name:in");
    const items = this.#expressions.tuple({ conditional: false, ends: ["name:recursive"] });
    const test = stream.skip("name:if") ? this.#expressions.expression() : undefined;
    const recursive = stream.skip("name:recursive");
    this.#loops++;
    const { body, end } = this.#block("endfor", "else");
    this.#loops--;
    const otherwise = end === "else" ? this.#block("endfor").body : [];
    return { type: "for", target, items, test, recursive, body, otherwise };
  }

  #if(): DistributiveOmit<Statement, "line"> {
    const branches: [Expr, Body][] = [];
    for (;;) {
      const test = this.#expressions.tuple({ conditional: false });
      const { body, end } = this.#block("elif", "else", "endif");
      branches.push([test, body]);
      if (end === "elif") continue;
      return { type: "if", branches, otherwise: end === "else" ? this.#block("endif").body : [] };
    }
  }

  /** The body of what is a function of its own: loops around it are not its. */
  #apart(end: string): Body {
    const loops = this.#loops;
    this.#loops = 0;
    const { body } = this.#block(end);
    this.#loops = loops;
    return body;
  }

  #signature(): Signature {
    const { stream } = this;
    const signature: Signature = { names: [], defaults: [] };
    stream.expect("(");
    while (!stream.skip(")")) {
      if (signature.names.length > 0) stream.expect(",");
      signature.names.push(stream.expect("name").value);
      if (stream.skip("=")) signature.defaults.push(this.#expressions.expression());
      else if (signature.defaults.length > 0) stream.fail("a parameter without a default follows one with a default");
    }
    return signature;
  }
}

type DistributiveOmit<T, K extends string> = T extends unknown ? Omit<T, K> : never;
