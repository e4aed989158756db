/** A direction of the stream: what tells two sets of texts apart. */
import { inspect } from "node:util";
import { checkOptions, type OptionNames } from "../options";
import { Tensor } from "../tensor";
import type { InsightModel } from "./model_methods";
import type { Prompt } from "./prompt";
import { runWithCache } from "./run_with_cache";

/** Of {@link direction}. */
export interface DirectionOptions {
  /** The block behind which the texts are compared, from 0. */
  layer: number;
  /** The position of each text, "last" (the default) or a number, negative ones from its end; "mean": of all its positions. */
  position?: "last" | "mean" | number | null;
  /** Whether its length becomes 1. Default: false: it is as long as the texts are apart. */
  normalise?: boolean | null;
  /** Stops the work, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

const names: OptionNames<DirectionOptions> = { layer: true, position: true, normalise: true, signal: true };

/**
 * The direction from one set of texts to another, in the stream behind a block: the mean over the ones less that over the
 * others. {@link steer} adds it, {@link project_out} takes it away.
 *
 * @param model The model, or a view of it under edits.
 * @param positive Texts, or ids, that have what the direction is to mean.
 * @param negative Texts, or ids, that have not, and are like the others otherwise.
 * @returns (hidden), float32.
 * @throws TypeError or RangeError for no texts, and a layer or position that is not there.
 * @example
 * const happy = await direction(model, ["I love this", "What joy"], ["I hate this", "What a bore"], { layer: 14 });
 * happy.shape; // => [576]
 */
export async function direction(
  model: InsightModel,
  positive: readonly Prompt[],
  negative: readonly Prompt[],
  options: DirectionOptions,
): Promise<Tensor> {
  checkOptions(options, names, "direction");
  const { core } = model;
  const { hidden_size, num_hidden_layers } = core.config;
  const { layer, position = "last", normalise, signal } = options;
  if (!Number.isInteger(layer) || layer < 0 || layer >= num_hidden_layers)
    throw new RangeError(
      `Expected layers from 0 to ${num_hidden_layers - 1} for direction but received ${inspect(layer)}`,
    );
  const sum = new Float64Array(hidden_size);
  for (const [texts, sign, what] of [
    [positive, 1, "positive"],
    [negative, -1, "negative"],
  ] as const) {
    if (!Array.isArray(texts) || texts.length === 0)
      throw new TypeError(`Expected an array of texts for ${what} of direction but received ${inspect(texts)}`);
    for (const text of texts) {
      const positions = position === "mean" ? "all" : position;
      const at = `model.layers.${layer}` as const;
      const cache = await runWithCache(core, text, { names: [at], until: layer, positions, signal });
      const data = cache.get(at).data as Float32Array;
      const rows = data.length / hidden_size;
      for (let i = 0; i < data.length; i++)
        sum[i % hidden_size] = (sum[i % hidden_size] as number) + (sign * (data[i] as number)) / (texts.length * rows);
      cache.dispose();
    }
  }
  const length = Math.sqrt(sum.reduce((total, x) => total + x * x, 0));
  if (normalise && length === 0)
    throw new RangeError("Expected texts that differ for a direction of length 1 but these give 0");
  return new Tensor(
    "float32",
    Float32Array.from(sum, (x) => (normalise ? x / length : x)),
    [hidden_size],
  );
}
