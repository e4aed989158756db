/**
 * Loads the libraries under the tokenizer. They carry CommonJS builds, but their types are ECMAScript modules', which a
 * plain import from CommonJS refuses (and jinja's do not resolve at all); this file joins the two.
 */
type Tokenizers = typeof import("@huggingface/tokenizers", { with: { "resolution-mode": "import" }});

export const { Tokenizer } = require("@huggingface/tokenizers") as Pick<Tokenizers, "Tokenizer">;
export type Tokenizer = InstanceType<Tokenizers["Tokenizer"]>;

/** A value while a template runs. */
export interface JinjaValue {
  value: unknown;
}

/** The part of @huggingface/jinja that chat.ts uses. */
interface Jinja {
  Template: new (source: string) => { parsed: unknown };
  Environment: new () => { set(name: string, value: unknown): JinjaValue };
  Interpreter: new (
    environment: object,
  ) => {
    run(program: unknown): JinjaValue;
    evaluate(statement: unknown, environment: unknown): JinjaValue;
  };
}

export const { Template, Environment, Interpreter } = require("@huggingface/jinja") as Jinja;
