/** Float weights quantised at load: `dtype: "q8"` and `"q4"`. */
import type { WeightEntry, WeightPart } from "../native";
import { floatTypes, type WeightType } from "./formats";

/** Bits that a quantised weight's numbers take, without their scales. */
export type Quantised = "q8" | "q4";

/** Numbers that share a scale. */
const block = 32;

/**
 * Every float matrix in GGUF's Q8_0 (8.5 bits a number), or with "q4" in Q4_0 (4.5 bits), the embeddings and the head in
 * Q8_0. Norms and biases stay, as do matrices that are quantised already and those whose rows are no multiple of 32.
 */
export function quantise(weights: readonly WeightEntry[], to: Quantised): WeightEntry[] {
  return weights.map((entry) => {
    const outer = entry.role === "embed_tokens" || entry.role === "lm_head";
    const type = to === "q8" || outer ? "Q8_0" : "Q4_0";
    return { ...entry, parts: entry.parts.map((part) => (canQuantise(part) ? as(type, part) : part)) };
  });
}

function canQuantise({ type, shape: [, cols] }: WeightPart): boolean {
  return floatTypes.includes(type) && cols !== undefined && cols % block === 0;
}

const as = (type: WeightType, part: WeightPart): WeightPart => ({
  ...part,
  type,
  conversion: part.conversion ?? { stored: part.type },
});

/** A line for the reader where `dtype` asked for quantised weights and the model's are so already. */
export function quantiseNote(weights: readonly WeightEntry[], to: Quantised): string | undefined {
  const matrices = weights.flatMap(({ parts }) => parts).filter(({ shape }) => shape.length === 2);
  if (matrices.some(canQuantise)) return undefined;
  const types = [...new Set(matrices.map(({ type }) => type))].join(", ");
  return `dtype: "${to}" quantises float weights; these are ${types} and stay as they are.`;
}
