/**
 * How positions become angles: a configuration's rotary embeddings as frequencies. Computed in float32, each step
 * rounded as transformers rounds it (its modeling_rope_utils.py), since a text's far positions multiply what differs.
 */
import type { Architecture, ModelConfig, RopeParameters } from "../native";

const { fround } = Math;

/** What stretches the frequencies of each type; `plain` are those of the base alone. */
type Stretch = (plain: number[], rope: RopeParameters, config: ModelConfig) => Partial<Architecture["rotary"]>;

const stretches: Record<string, { needs: (keyof RopeParameters)[]; stretch: Stretch }> = {
  default: { needs: [], stretch: () => ({}) },
  // It stretches texts beyond max_position_embeddings alone, where a context ends here.
  dynamic: { needs: [], stretch: () => ({}) },
  linear: { needs: ["factor"], stretch: (plain, { factor = 1 }) => ({ frequencies: divided(plain, factor) }) },
  llama3: { needs: ["factor", "low_freq_factor", "high_freq_factor"], stretch: llama3 },
  yarn: { needs: ["factor"], stretch: yarn },
  longrope: { needs: ["short_factor", "long_factor"], stretch: longrope },
  // What a GGUF file holds of any type: each frequency's divisor.
  factors: {
    needs: ["freq_factors"],
    stretch: (plain, { freq_factors = [] }) => ({ frequencies: plain.map((f, i) => fround(f / at(freq_factors, i))) }),
  },
};

const at = (numbers: readonly number[], i: number): number => fround(numbers[i] as number);
const divided = (frequencies: number[], factor: number): number[] => frequencies.map((f) => fround(f / fround(factor)));

/** Of each head's numbers, how many are rotated; the small number keeps a GGUF's exact count from being cut short. */
function rotaryDims(config: ModelConfig): number {
  return Math.trunc(config.head_dim * config.rope_parameters.partial_rotary_factor + 1e-6);
}

/** Refuses rotary embeddings that are not computed here, or not to be computed from what is given. */
export function checkRope(config: ModelConfig, fail: (what: string) => never): void {
  const rope = config.rope_parameters;
  const type = JSON.stringify(rope.rope_type);
  const known = Object.hasOwn(stretches, rope.rope_type) ? stretches[rope.rope_type] : undefined;
  if (!known) {
    const names = Object.keys(stretches).filter((name) => name !== "factors");
    fail(`asks for rotary embeddings stretched by ${type}; phi3lab computes ${names.join(", ")}`);
  }
  const dims = rotaryDims(config);
  if (dims < 2 || dims > config.head_dim || dims % 2 !== 0)
    fail(
      `asks for partial_rotary_factor = ${rope.partial_rotary_factor}, ${dims} of a head's ${config.head_dim} numbers; expected an even number of them`,
    );
  for (const key of known.needs) {
    const value = rope[key];
    if (value === undefined) fail(`asks for rotary embeddings stretched by ${type}, but gives no ${key}`);
    if (Array.isArray(value) && value.length !== dims / 2)
      fail(`has ${value.length} numbers in ${key}; expected ${dims / 2}, one for each pair that is rotated`);
  }
  const { frequencies, factor, long } = rotaryOf(config);
  if (![...frequencies, ...(long?.frequencies ?? []), factor].every((n) => n > 0 && Number.isFinite(n)))
    fail(
      `asks for rotary embeddings stretched by ${type} with numbers that give no angles: ${JSON.stringify(rope).slice(0, 200)}`,
    );
}

/** The frequencies of a configuration that {@link checkRope} let pass. */
export function rotaryOf(config: ModelConfig): Architecture["rotary"] {
  const { rope_type, rope_theta } = config.rope_parameters;
  const dims = rotaryDims(config);
  const plain = powers(dims, rope_theta).map((power) => fround(1 / power));
  return {
    dims,
    frequencies: plain,
    factor: 1,
    ...stretches[rope_type]?.stretch(plain, config.rope_parameters, config),
  };
}

/** theta^(2i / dims). */
const powers = (dims: number, theta: number): number[] =>
  Array.from({ length: dims / 2 }, (_, i) => fround(fround(theta) ** fround((2 * i) / dims)));

/** Two sets of divisors, and one of them by the text's length. */
function longrope(_plain: number[], rope: RopeParameters, config: ModelConfig): Partial<Architecture["rotary"]> {
  const from = rope.original_max_position_embeddings ?? config.max_position_embeddings;
  const factor = rope.factor ?? config.max_position_embeddings / from;
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(from));
  const all = powers(rotaryDims(config), rope.rope_theta);
  const stretched = (by: readonly number[] = []) => all.map((power, i) => fround(1 / fround(at(by, i) * power)));
  return {
    frequencies: stretched(rope.short_factor),
    long: { frequencies: stretched(rope.long_factor), from },
    factor: rope.attention_factor ?? usual,
  };
}

/** Low frequencies divided, high ones as they are, a ramp in between. */
function llama3(plain: number[], rope: RopeParameters, config: ModelConfig): Partial<Architecture["rotary"]> {
  const { factor = 1, low_freq_factor: low = 1, high_freq_factor: high = 1 } = rope;
  const context = rope.original_max_position_embeddings ?? config.max_position_embeddings;
  const frequencies = plain.map((f) => {
    const wavelength = fround(fround(2 * Math.PI) / f);
    if (wavelength < fround(context / high)) return f;
    if (wavelength > fround(context / low)) return fround(f / fround(factor));
    const smooth = fround(fround(fround(context / wavelength) - low) / fround(high - low));
    return fround(fround(fround(fround(1 - smooth) * f) / fround(factor)) + fround(smooth * f));
  });
  return { frequencies };
}

function yarn(plain: number[], rope: RopeParameters, config: ModelConfig): Partial<Architecture["rotary"]> {
  const { factor = 1, mscale, mscale_all_dim, rope_theta } = rope;
  const dims = rotaryDims(config);
  const context = rope.original_max_position_embeddings ?? config.max_position_embeddings;
  const magnitude = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const usual = mscale && mscale_all_dim ? magnitude(mscale) / magnitude(mscale_all_dim) : magnitude(1);
  /** The pair that turns so many times within the original context. */
  const pair = (rotations: number) =>
    (dims * Math.log(context / (rotations * 2 * Math.PI))) / (2 * Math.log(rope_theta));
  const whole = rope.truncate ?? true;
  const [fast, slow] = [pair(rope.beta_fast || 32), pair(rope.beta_slow || 1)];
  const low = Math.max(whole ? Math.floor(fast) : fast, 0);
  let high = Math.min(whole ? Math.ceil(slow) : slow, dims - 1);
  if (low === high) high += 0.001;
  const frequencies = powers(dims, rope_theta).map((power, i) => {
    const ramp = Math.min(Math.max(fround(fround(i - fround(low)) / fround(high - low)), 0), 1);
    const keep = fround(1 - ramp);
    const stretched = fround(1 / fround(fround(factor) * power));
    return fround(fround(stretched * fround(1 - keep)) + fround((plain[i] as number) * keep));
  });
  return { frequencies, factor: rope.attention_factor ?? usual };
}
