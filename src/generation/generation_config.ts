/** A model's own defaults of generation: what generation_config.json says, under transformers' names. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import { sayOnce } from "../say";
import { asksForNothing, checkValue } from "./checks";
import { generationOptions } from "./option_names";
import type { GenerationOptions } from "./options";

export interface GenerationConfig extends GenerationOptions {}

/**
 * Defaults of a model's generation, which `model.generate` takes where a call does not say otherwise: the model's
 * generation_config.json as it was loaded, or what is assigned. The name is transformers'.
 *
 * @example
 * model.generation_config.eos_token_id; // => [2]
 * @example
 * const generation_config = new GenerationConfig({ do_sample: true, temperature: 0.7, top_p: 0.9 });
 * await model.generate({ input_ids, max_new_tokens: 5, generation_config });
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says which fields an instance has.
export class GenerationConfig {
  /** @throws TypeError for an option that does not exist. */
  constructor(options: GenerationOptions = {}) {
    checkOptions(options, generationOptions, "GenerationConfig");
    Object.assign(this, options);
  }
}

/**
 * The defaults that a file's fields make, those that transformers alone knows left out; one line says which of them would
 * change the tokens.
 *
 * @param json The fields of generation_config.json.
 * @param own What the model's files say together of the ids that end and pad a text.
 * @param name The model's, for the line and for errors.
 * @throws RangeError or TypeError, one sentence that names the file, for a value that cannot be.
 */
export function fileConfig(
  json: Record<string, unknown>,
  own: Required<Pick<GenerationOptions, "eos_token_id" | "pad_token_id">>,
  name: string,
): GenerationConfig {
  const config = new GenerationConfig();
  for (const [key, value] of Object.entries(json)) {
    if (value === null || key === "eos_token_id" || key === "pad_token_id") continue;
    if (!Object.hasOwn(generationOptions, key)) continue;
    const option = key as keyof GenerationOptions;
    if (Object.hasOwn(asksForNothing, key)) {
      if (!asksForNothing[option as keyof typeof asksForNothing].includes(value))
        sayOnce(
          `generation_config.json of ${name} asks for ${key} = ${inspect(value, { depth: 0 })}, which phi3lab does not compute: generation goes on without it`,
        );
      continue;
    }
    checkValue(option, value, `${key} in generation_config.json of ${name}`);
    Object.assign(config, { [option]: value });
  }
  return Object.assign(config, own);
}

const samplers = [
  "temperature",
  "top_h",
  "top_k",
  "top_p",
  "min_p",
  "typical_p",
  "epsilon_cutoff",
  "eta_cutoff",
] as const;

/** Says, once, that a model's configuration and nobody else makes it draw its tokens. */
export function saySampling(config: GenerationOptions, name: string): void {
  const how = samplers
    .filter((key) => typeof config[key] === "number")
    .map((key) => `, ${key}: ${config[key]}`)
    .join("");
  sayOnce(
    `The generation configuration of ${name} draws tokens (do_sample: true${how}); do_sample: false always takes the top-1 token`,
  );
}
