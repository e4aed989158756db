/** The parts of a template once it is parsed. */
import type { Value } from "./values";

/** The arguments of a call, a filter or a test. */
export interface ArgNodes {
  list: Expr[];
  named: [string, Expr][];
  star?: Expr | undefined;
  starStar?: Expr | undefined;
}

export type Expr =
  | { type: "const"; value: Value }
  | { type: "name"; name: string }
  | { type: "list" | "tuple"; items: Expr[] }
  | { type: "dict"; entries: [Expr, Expr][] }
  | { type: "attribute"; object: Expr; name: string }
  | { type: "item"; object: Expr; key: Expr }
  | { type: "slice"; start?: Expr | undefined; stop?: Expr | undefined; step?: Expr | undefined }
  | { type: "call"; callee: Expr; args: ArgNodes }
  | { type: "filter"; input: Expr | undefined; name: string; args: ArgNodes }
  | { type: "test"; input: Expr; name: string; args: ArgNodes }
  | { type: "not" | "-" | "+"; operand: Expr }
  | { type: "and" | "or"; left: Expr; right: Expr }
  | { type: "binary"; operator: string; left: Expr; right: Expr }
  | { type: "compare"; left: Expr; operations: [string, Expr][] }
  | { type: "concat"; parts: Expr[] }
  | { type: "if"; test: Expr; then: Expr; otherwise: Expr | undefined };

/** What is assigned to. */
export type Target =
  | { type: "name"; name: string }
  | { type: "tuple"; items: Target[] }
  | { type: "namespace"; name: string; attribute: string };

export interface Signature {
  names: string[];
  /** Of the last names. */
  defaults: Expr[];
}

export type Statement = { line: number } & (
  | { type: "text"; value: string }
  | { type: "print"; values: Expr[] }
  | {
      type: "for";
      target: Target;
      items: Expr;
      test: Expr | undefined;
      recursive: boolean;
      body: Body;
      otherwise: Body;
    }
  | { type: "if"; branches: [Expr, Body][]; otherwise: Body }
  | { type: "set"; target: Target; value: Expr }
  | { type: "set_block"; target: Target; filter: Expr | undefined; body: Body }
  | { type: "macro"; name: string; signature: Signature; body: Body }
  | { type: "call_block"; signature: Signature; call: Expr & { type: "call" }; body: Body }
  | { type: "filter_block"; filter: Expr; body: Body }
  | { type: "with"; assignments: [Target, Expr][]; body: Body }
  | { type: "scope"; body: Body }
  | { type: "break" | "continue" }
);
export type Body = Statement[];
