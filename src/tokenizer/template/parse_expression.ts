/** Parses what stands in a template's tags, by Jinja's grammar: its precedences are not quite Python's. */
import { unquote } from "./lexer";
import type { ArgNodes, Expr, Target } from "./nodes";
import type { TokenStream } from "./stream";
import { Float } from "./values";

const comparisons = new Set(["==", "!=", "<", "<=", ">", ">="]);

export class ExpressionParser {
  constructor(readonly stream: TokenStream) {}

  /** `a if b else c` and what binds tighter. */
  expression(): Expr {
    let then = this.#or();
    while (this.stream.skip("name:if")) {
      const test = this.#or();
      const otherwise = this.stream.skip("name:else") ? this.expression() : undefined;
      then = { type: "if", test, then, otherwise };
    }
    return then;
  }

  /** One expression, or several with commas between: a tuple. */
  tuple({ conditional = true, ends = [] as string[], parenthesised = false } = {}): Expr {
    return this.#tuple(() => (conditional ? this.expression() : this.#or()), ends, parenthesised);
  }

  #tuple(item: () => Expr, ends: string[], parenthesised: boolean): Expr {
    const { stream } = this;
    const items: Expr[] = [];
    let several = false;
    const atEnd = () => ["variable_end", "block_end", ")", ...ends].some((type) => stream.is(type));
    while (!atEnd()) {
      items.push(item());
      if (!stream.skip(",")) break;
      several = true;
    }
    const [only] = items;
    if (!several && only) return only;
    if (!several && !parenthesised) stream.fail(`expected an expression, got ${stream.describe()}`);
    return { type: "tuple", items };
  }

  /** What a value is assigned to. */
  target({ ends = [] as string[], namespaces = false } = {}): Target {
    const { stream } = this;
    const line = stream.current;
    const toTarget = (expr: Expr): Target => {
      if (expr.type === "name") return expr;
      if (expr.type === "tuple") return { type: "tuple", items: expr.items.map(toTarget) };
      if (namespaces && expr.type === "attribute" && expr.object.type === "name")
        return { type: "namespace", name: expr.object.name, attribute: expr.name };
      return stream.fail(`cannot assign to '${line.value}'`);
    };
    const item = (): Expr => {
      const object = this.#primary();
      if (!namespaces || object.type !== "name" || !stream.skip(".")) return object;
      return { type: "attribute", object, name: stream.expect("name").value };
    };
    return toTarget(this.#tuple(item, ends, false));
  }

  #or(): Expr {
    let left = this.#and();
    while (this.stream.skip("name:or")) left = { type: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expr {
    let left = this.#not();
    while (this.stream.skip("name:and")) left = { type: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expr {
    return this.stream.skip("name:not") ? { type: "not", operand: this.#not() } : this.#compare();
  }

  #compare(): Expr {
    const { stream } = this;
    const left = this.#sum();
    const operations: [string, Expr][] = [];
    for (;;) {
      if (comparisons.has(stream.current.type)) operations.push([stream.next().type, this.#sum()]);
      else if (stream.skip("name:in")) operations.push(["in", this.#sum()]);
      else if (stream.is("name:not") && stream.following.type === "name" && stream.following.value === "in") {
        stream.next();
        stream.next();
        operations.push(["not in", this.#sum()]);
      } else break;
    }
    return operations.length === 0 ? left : { type: "compare", left, operations };
  }

  #sum(): Expr {
    return this.#binary(["+", "-"], () => this.#concat());
  }

  #concat(): Expr {
    const first = this.#product();
    const parts = [first];
    while (this.stream.skip("~")) parts.push(this.#product());
    return parts.length === 1 ? first : { type: "concat", parts };
  }

  #product(): Expr {
    return this.#binary(["*", "/", "//", "%"], () => this.#binary(["**"], () => this.#unary()));
  }

  #binary(operators: string[], operand: () => Expr): Expr {
    let left = operand();
    while (operators.includes(this.stream.current.type)) {
      const operator = this.stream.next().type;
      left = { type: "binary", operator, left, right: operand() };
    }
    return left;
  }

  #unary(filters = true): Expr {
    const { stream } = this;
    let node: Expr;
    if (stream.is("-") || stream.is("+")) {
      const type = stream.next().type as "-" | "+";
      node = { type, operand: this.#unary(false) };
    } else node = this.#primary();
    node = this.#postfix(node);
    return filters ? this.#filters(node) : node;
  }

  #primary(): Expr {
    const { stream } = this;
    const { type, value } = stream.current;
    switch (type) {
      case "name":
        stream.next();
        if (/^[tT]rue$|^[fF]alse$/.test(value)) return { type: "const", value: /^t/i.test(value) };
        return /^[nN]one$/.test(value) ? { type: "const", value: null } : { type: "name", name: value };
      case "string": {
        let joined = "";
        while (stream.is("string")) joined += unquote(stream.next().value);
        return { type: "const", value: joined };
      }
      case "integer": {
        const number = Number(stream.next().value.replaceAll("_", ""));
        return { type: "const", value: Number.isSafeInteger(number) ? number : BigInt(value.replaceAll("_", "")) };
      }
      case "float":
        return { type: "const", value: new Float(Number(stream.next().value.replaceAll("_", ""))) };
      case "(": {
        stream.next();
        const inner = this.tuple({ parenthesised: true });
        stream.expect(")");
        return inner;
      }
      case "[":
        stream.next();
        return { type: "list", items: this.#listed("]", () => this.expression()) };
      case "{":
        stream.next();
        return {
          type: "dict",
          entries: this.#listed("}", (): [Expr, Expr] => {
            const key = this.expression();
            stream.expect(":");
            return [key, this.expression()];
          }),
        };
      default:
        return stream.fail(`unexpected ${stream.describe()}`);
    }
  }

  /** Items with commas between, up to a bracket; a comma may stand behind the last. */
  #listed<T>(end: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.stream.skip(end)) {
      if (items.length > 0) {
        this.stream.expect(",");
        if (this.stream.skip(end)) break;
      }
      items.push(item());
    }
    return items;
  }

  #postfix(start: Expr): Expr {
    const { stream } = this;
    let node = start;
    for (;;) {
      if (stream.skip(".")) {
        const { type, value } = stream.next();
        if (type === "name") node = { type: "attribute", object: node, name: value };
        else if (type === "integer")
          node = { type: "item", object: node, key: { type: "const", value: Number(value) } };
        else stream.fail("expected a name or a number behind the dot");
      } else if (stream.skip("[")) {
        const items = this.#listed("]", () => this.#subscript());
        const [only] = items;
        node = { type: "item", object: node, key: items.length === 1 && only ? only : { type: "tuple", items } };
      } else if (stream.is("(")) node = { type: "call", callee: node, args: this.args() };
      else return node;
    }
  }

  #subscript(): Expr {
    const { stream } = this;
    const part = () => (stream.is(":") || stream.is("]") || stream.is(",") ? undefined : this.expression());
    const start = part();
    if (!stream.skip(":")) return start ?? stream.fail(`unexpected ${stream.describe()}`);
    const stop = part();
    return { type: "slice", start, stop, step: stream.skip(":") ? part() : undefined };
  }

  #filters(start: Expr): Expr {
    const { stream } = this;
    let node = start;
    for (;;) {
      if (stream.is("|")) node = this.filter(node) as Expr;
      else if (stream.is("name:is")) node = this.#test(node);
      else if (stream.is("(")) node = { type: "call", callee: node, args: this.args() };
      else return node;
    }
  }

  /** The filters that follow; `named` when the first one's name comes without a "|". */
  filter(input: Expr | undefined, named = false): Expr | undefined {
    const { stream } = this;
    let node = input;
    for (let first = named; first || stream.skip("|"); first = false) {
      const name = this.#dotted();
      node = { type: "filter", input: node, name, args: stream.is("(") ? this.args() : { list: [], named: [] } };
    }
    return node;
  }

  #test(input: Expr): Expr {
    const { stream } = this;
    stream.next();
    const negated = stream.skip("name:not");
    const name = this.#dotted();
    let args: ArgNodes = { list: [], named: [] };
    const argument = ["name", "string", "integer", "float", "[", "{"].includes(stream.current.type);
    if (stream.is("(")) args = this.args();
    else if (argument && !["else", "or", "and"].some((word) => stream.is(`name:${word}`))) {
      if (stream.is("name:is")) stream.fail("tests cannot be chained with is");
      args = { list: [this.#postfix(this.#primary())], named: [] };
    }
    const test: Expr = { type: "test", input, name, args };
    return negated ? { type: "not", operand: test } : test;
  }

  #dotted(): string {
    let name = this.stream.expect("name").value;
    while (this.stream.skip(".")) name += `.${this.stream.expect("name").value}`;
    return name;
  }

  /** Arguments in round brackets. */
  args(): ArgNodes {
    const { stream } = this;
    const args: ArgNodes = { list: [], named: [] };
    const ensure = (valid: boolean) => valid || stream.fail("invalid syntax for a function's arguments");
    stream.expect("(");
    this.#listed(")", () => {
      if (stream.skip("*")) {
        ensure(!args.star && !args.starStar);
        args.star = this.expression();
      } else if (stream.skip("**")) {
        ensure(!args.starStar);
        args.starStar = this.expression();
      } else if (stream.is("name") && stream.following.type === "=") {
        ensure(!args.starStar);
        const name = stream.next().value;
        stream.next();
        args.named.push([name, this.expression()]);
      } else {
        ensure(!args.star && !args.starStar && args.named.length === 0);
        args.list.push(this.expression());
      }
    });
    return args;
  }
}
