/** tokenizer.json's `post_processor`: the tokens around a text, as far as they concern single texts. */
import type { JsonNode } from "../spec";
import { TokenizerError } from "./bounds";
import { objectOf } from "./pre_tokenizers";
import type { Vocabulary } from "./vocabulary";

/** Puts special tokens around ids. */
export type PostProcessor = (ids: number[]) => number[];

/** @throws TokenizerError for one that is not known, or names tokens that are not there. */
export function postProcessor(node: JsonNode | null, vocabulary: Vocabulary): PostProcessor {
  if (node === null) return (ids) => ids;
  switch (node.type) {
    case "ByteLevel":
      // It is about offsets alone.
      return (ids) => ids;
    case "Sequence": {
      const { processors } = node;
      if (!Array.isArray(processors)) throw new TokenizerError("a Sequence has no processors");
      const steps = processors.map((step) => postProcessor(objectOf(step), vocabulary));
      return (ids) => steps.reduce((around, step) => step(around), ids);
    }
    case "TemplateProcessing":
      return template(node, vocabulary);
    case "BertProcessing":
    case "RobertaProcessing": {
      const id = (name: "cls" | "sep") => {
        const [token, number] = Array.isArray(node[name]) ? (node[name] as unknown[]) : [];
        const found = typeof number === "number" ? number : vocabulary.id(String(token));
        if (found === undefined) throw new TokenizerError(`its ${node.type} has no token ${name}`);
        return found;
      };
      const [cls, sep] = [id("cls"), id("sep")];
      return (ids) => [cls, ...ids, sep];
    }
    default:
      throw new TokenizerError(`the post-processor ${JSON.stringify(node.type)} is not known`);
  }
}

function template({ single, special_tokens }: JsonNode, vocabulary: Vocabulary): PostProcessor {
  if (!Array.isArray(single)) throw new TokenizerError("its TemplateProcessing has no template for a single text");
  const known = (special_tokens ?? {}) as Record<string, { ids?: unknown } | undefined>;
  const parts = single.map((part): number[] | undefined => {
    const { SpecialToken, Sequence } = objectOf(part) as { SpecialToken?: { id?: unknown }; Sequence?: unknown };
    if (Sequence !== undefined) return undefined;
    const name = String(SpecialToken?.id);
    const ids = known[name]?.ids;
    if (Array.isArray(ids) && ids.every(Number.isSafeInteger)) return ids as number[];
    const id = vocabulary.id(name);
    if (id === undefined)
      throw new TokenizerError(`its TemplateProcessing names ${JSON.stringify(name)}, which is no token`);
    return [id];
  });
  return (ids) => {
    const result: number[] = [];
    for (const part of parts) for (const id of part ?? ids) result.push(id);
    return result;
  };
}
