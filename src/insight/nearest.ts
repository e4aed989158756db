/** The tokens whose vectors are nearest to one, in the table of embeddings or of the head. */
import { inspect } from "node:util";
import { type Core, onVectors } from "../model/core";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { naming } from "./label";
import { type TokenChoice, tokenIds } from "./prompt";
import type { Neighbour } from "./results";

/** What {@link Phi3ForCausalLM.nearest} takes. */
export interface NearestOptions {
  /** How many tokens, from 1 to 256. Default: 10. */
  k?: number | null;
  /** Whose vectors are compared: the head's ("unembed", the default), or the table of embeddings' ("embed"). */
  space?: "unembed" | "embed" | null;
  /** By the vectors' product ("dot", the default), or the cosine of the angle between them ("cosine"). */
  metric?: "dot" | "cosine" | null;
}

/** Rows of a table that are read at once. */
const rowsAtOnce = 2048;

/** What `model.nearest` does. */
export async function nearestTokens(
  core: Core,
  given: TokenChoice | Tensor,
  options: NearestOptions = {},
): Promise<Neighbour[]> {
  checkOptions(options, { k: true, space: true, metric: true }, "nearest");
  const { config, native } = core;
  const [k, space, metric] = [options.k ?? 10, options.space ?? "unembed", options.metric ?? "dot"];
  if (!Number.isInteger(k) || k < 1 || k > 256)
    throw new RangeError(`Expected k from 1 to 256 for nearest but received ${inspect(k)}`);
  if (space !== "unembed" && space !== "embed")
    throw new TypeError(`Expected "unembed" or "embed" for space of nearest but received ${inspect(space)}`);
  if (metric !== "dot" && metric !== "cosine")
    throw new TypeError(`Expected "dot" or "cosine" for metric of nearest but received ${inspect(metric)}`);
  const count = Math.min(k, config.vocab_size);
  const name = await naming(core);
  const named = (ids: ArrayLike<number>, scores: ArrayLike<number>): Neighbour[] =>
    Array.from(ids, (id, i) => ({ ...name(id), score: scores[i] as number }));
  if (given instanceof Tensor && given.size !== config.hidden_size)
    throw new RangeError(
      `Expected a vector of ${config.hidden_size} numbers for nearest but received [${given.dims.join(", ")}]`,
    );
  if (given instanceof Tensor && space === "unembed" && metric === "dot")
    return onVectors(core, given.flatten(), config.hidden_size, "nearest", async (hidden, start) => {
      const { ids, logits } = await native.summarise({ hidden, start, rows: 1, norm: false, k: count });
      return named(ids, logits);
    });
  const token = given instanceof Tensor ? undefined : (await tokenIds(core, [given], "nearest"))[0];
  const vector = given instanceof Tensor ? (given.flatten().to("float32").data as Float32Array) : undefined;
  const embedded = space === "embed" || config.tie_word_embeddings;
  const { products, lengths } = await (embedded ? overRows : overColumns)(core, vector ?? (token as number));
  if (metric === "cosine") {
    const own = vector ? Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0)) : (lengths[token as number] as number);
    products.forEach((product, id) => {
      products[id] = product / Math.max(own * (lengths[id] as number), 1e-8);
    });
  }
  const { values, indices } = new Tensor("float64", products, [products.length]).topk(count);
  return named(Array.from(indices.data as BigInt64Array, Number), values.data as Float64Array);
}

interface Table {
  products: Float64Array;
  lengths: Float64Array;
}

/** Each row of the table of embeddings with the vector, or with the row of a token. */
async function overRows({ native, config }: Core, given: Float32Array | number): Promise<Table> {
  const { vocab_size: vocab, hidden_size: width } = config;
  const rows = async (first: number, count: number): Promise<Float32Array> => {
    const read = await native.embed(Int32Array.from({ length: count }, (_, i) => first + i));
    const data = read.read(0, count * width);
    read.dispose();
    return data;
  };
  const vector = typeof given === "number" ? await rows(given, 1) : given;
  const [products, lengths] = [new Float64Array(vocab), new Float64Array(vocab)];
  for (let first = 0; first < vocab; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, vocab - first);
    const table = await rows(first, count);
    for (let r = 0; r < count; r++) {
      let [product, square] = [0, 0];
      for (let i = 0; i < width; i++) {
        const x = table[r * width + i] as number;
        product += x * (vector[i] as number);
        square += x * x;
      }
      products[first + r] = product;
      lengths[first + r] = Math.sqrt(square);
    }
  }
  return { products, lengths };
}

/**
 * The same of the head, whose rows no verb reads: vectors of a single 1 give its columns, which are added up. It takes as
 * many products as the model has hidden numbers.
 */
async function overColumns({ native, config }: Core, given: Float32Array | number): Promise<Table> {
  const { vocab_size: vocab, hidden_size: width } = config;
  const [products, lengths] = [new Float64Array(vocab), new Float64Array(vocab)];
  const atOnce = 32;
  for (let first = 0; first < width; first += atOnce) {
    const count = Math.min(atOnce, width - first);
    const single = new Float32Array(count * width);
    for (let i = 0; i < count; i++) single[i * width + first + i] = 1;
    const hidden = native.upload(single, [count, width]);
    const logits = await native.lmHead(hidden, 0, count).finally(() => hidden.dispose());
    for (let i = 0; i < count; i++) {
      const column = logits.read(i * vocab, vocab);
      const factor = typeof given === "number" ? (column[given] as number) : (given[first + i] as number);
      for (let id = 0; id < vocab; id++) {
        const x = column[id] as number;
        products[id] = (products[id] as number) + x * factor;
        lengths[id] = (lengths[id] as number) + x * x;
      }
    }
    logits.dispose();
  }
  return { products, lengths: lengths.map(Math.sqrt) };
}
