/**
 * Loads the library under the tokenizer. It carries a CommonJS build, but its types are an ECMAScript module's, which a
 * plain import from CommonJS refuses; this file joins the two.
 */
type Tokenizers = typeof import("@huggingface/tokenizers", { with: { "resolution-mode": "import" }});

export const { Tokenizer } = require("@huggingface/tokenizers") as Pick<Tokenizers, "Tokenizer">;
export type Tokenizer = InstanceType<Tokenizers["Tokenizer"]>;
