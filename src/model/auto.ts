/** Loads a model: finds its files, reads their headers, hands them to the native half. */
import { join } from "node:path";
import { inspect } from "node:util";
import { type DeviceOption, readDevice } from "../devices";
import { fileConfig } from "../generation/generation_config";
import { openResolved, type ResolveOptions, resolveOptions } from "../hub";
import { addon, type Compute, type KvDtype } from "../native";
import { checkOptions, type OptionNames, pickOptions } from "../options";
import { progressBar } from "../progress";
import { sayOnce } from "../say";
import { AutoTokenizer } from "../tokenizer";
import {
  adapterNote,
  mergeAdapter,
  type OpenWeights,
  openWeights,
  partsOf,
  quantise,
  quantiseNote,
  readAdapter,
} from "../weights";
import { readJson } from "../weights/config";
import { abortable } from "./abort";
import { rememberKept } from "./kept_keys";
import { Phi3ForCausalLM } from "./causal_lm";
import {
  checkKvDtype,
  chooseDevice,
  computeNote,
  type DtypeOption,
  quantisedTo,
  readCompute,
  readDtype,
  readKvDtype,
} from "./device_choice";

/** What {@link AutoModelForCausalLM.from_pretrained} takes: where the files lie, and how the model is computed. */
export interface ModelLoadOptions extends ResolveOptions {
  /**
   * What the model runs on. Default: "auto", the GPU where there is one that this build can use and that has room for
   * the weights, else the CPU; a line says which where that was a choice. `devices()` lists what there is.
   */
  device?: DeviceOption;
  /** Python's name for `device`. */
  device_map?: string;
  /**
   * What a GPU computes in and keeps float weights, keys and values in; the CPU computes in float32 whatever this says.
   * Default: "auto", the type that most of the files' bytes are of, or float32 where they are quantised. bfloat16 weights become float16
   * numbers where those hold them (each matrix's largest from 2^-9 to 65,280), as all models' do: weights from 2^-17 on
   * stay exact, smaller ones move by 2^-25 at most, and keys, values and a prompt's activations, which stop at 65,504,
   * are rounded to 11 bits instead of 8. Weights in Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K stay as compact as
   * they are: one token multiplies by them exactly, a prompt in this type; other quantised formats become numbers of it.
   *
   * "q8" and "q4" quantise a model of float weights at load, which makes it small, and a twin to compare with: every
   * matrix in GGUF's Q8_0 (8.5 bits a number, as gguf-py quantises), or in Q4_0 (4.5 bits, each block's step the one that
   * errs least) with embeddings and head in Q8_0.
   * Norms, matrices whose rows are no multiple of 32 and weights that are quantised already stay.
   */
  dtype?: DtypeOption;
  /** Python's name for `dtype`. */
  torch_dtype?: DtypeOption;
  /**
   * What the CPU keeps keys and values in. Default: "float32". "float16" halves their memory, and long contexts decode
   * faster; numbers beyond ±65504 are clamped.
   * Measured on SmolLM2 over 2,000 tokens of prose, beside float32: the same top-1 token at 99.95% of the positions,
   * a perplexity within 0.002%, logits that differ by 0.025% in root mean square. A GPU keeps keys and values in `dtype`:
   * any other type here is an error there.
   */
  kv_dtype?: KvDtype;
  /**
   * A LoRA adapter in PEFT's layout, which is merged into the weights as they are loaded: its folder, or its id on the hub.
   * Default: none. Float weights stay of their type, as PEFT merges them; the matrices that it changes of a quantised base
   * become float16, and a line says what that costs.
   */
  adapter?: string;
  /** CPU threads, 1 to 256. Default: the physical cores that the process may use. */
  threads?: number;
  /**
   * What a prompt's matrix products are computed in on the CPU. "bfloat16" reads prompts of 24 tokens and more faster (of
   * 512 tokens 1.3 times, on two Zen 4 cores): activations and weights are rounded to bfloat16 (8 bits), sums stay
   * float32; a decoded token is computed as ever. Beside float32, over a prompt of 2,000 tokens of prose on SmolLM2, 99.1%
   * of the top-1 tokens are the same, every other one a near tie, and the perplexity is 0.13% higher; a greedy
   * text may turn at such a tie, and differ with and without the cache. It needs a processor with AVX-512 BF16 (Zen 4,
   * Sapphire Rapids and later): others refuse it with a sentence. Default: "float32", exact on every processor.
   */
  compute?: Compute;
  /** Accepted and ignored: no code is ever run from a model. */
  trust_remote_code?: boolean;
  /** Accepted and ignored: there is one implementation. */
  attn_implementation?: string;
}

/** Their names, for checking. */
const modelLoadOptions: OptionNames<ModelLoadOptions> = {
  ...resolveOptions,
  device: true,
  device_map: true,
  dtype: true,
  torch_dtype: true,
  kv_dtype: true,
  adapter: true,
  threads: true,
  compute: true,
  trust_remote_code: true,
  attn_implementation: true,
};

/**
 * Loads models, under transformers' name.
 *
 * @example const model = await AutoModelForCausalLM.from_pretrained(await defaultModel());
 */
export class AutoModelForCausalLM {
  /**
   * Loads a model, fetching what is not on this disk. Bars show how it goes, the notebook's interrupt stops it.
   *
   * @param model An id of the hub ("microsoft/Phi-3-mini-4k-instruct", "owner/name@revision"), a GGUF file of the hub
   *   ("owner/name:Q4_K_M" or "owner/name/file.gguf"), a page's address, a folder or a .gguf file.
   * @throws HubError, one sentence: nowhere, gated, no network, no space.
   * @throws Error, one sentence: damaged, another architecture, no such device, what a GPU lacks.
   * @throws TypeError or RangeError for an option that does not exist, or cannot be what it was given as.
   * @example
   * const model = await AutoModelForCausalLM.from_pretrained(id, { device: "cpu", kv_dtype: "float16" });
   * @example
   * const model = await AutoModelForCausalLM.from_pretrained("microsoft/Phi-3-mini-4k-instruct");
   * @example
   * const model = await AutoModelForCausalLM.from_pretrained(id, { device: "cuda", dtype: "bfloat16" });
   */
  static async from_pretrained(model: string, options: ModelLoadOptions = {}): Promise<Phi3ForCausalLM> {
    checkOptions(options, modelLoadOptions, "AutoModelForCausalLM.from_pretrained");
    const { device_map, torch_dtype, threads } = options;
    const { device = device_map ?? "auto", dtype = torch_dtype ?? "auto" } = options;
    const kept = readKvDtype(options.kv_dtype);
    const wanted = readDevice(device);
    const arithmetic = readDtype(dtype);
    const products = readCompute(options.compute ?? "float32");
    const hub = pickOptions<ResolveOptions>(options, resolveOptions);
    if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 256))
      throw new RangeError(`Expected integer from 1 to 256 for threads but received ${inspect(threads)}`);
    const { found, generation } = await openResolved(model, { ...hub, only: "weights" }, async ({ path }) => ({
      found: await openWeights(path),
      generation: path.endsWith(".gguf") ? {} : ((await readJson(join(path, "generation_config.json"))) ?? {}),
    }));
    if (options.adapter !== undefined) Object.assign(found, await merged(found, options.adapter, hub));
    const bits = quantisedTo(arithmetic);
    if (bits !== undefined) {
      sayOnce(quantiseNote(found.weights, bits));
      found.weights = quantise(found.weights, bits);
    }
    sayOnce(adapterNote(found.weights));
    const { config, ...opened } = found;
    const { said, ...choice } = chooseDevice(wanted, arithmetic, partsOf(opened.weights));
    checkKvDtype(kept, choice);
    sayOnce(said);
    sayOnce(computeNote(choice, products));
    const shards = opened.files.length;
    const bar = progressBar({ label: "Loading checkpoint shards", total: shards });
    try {
      const native = await abortable(options.signal, (abort) =>
        addon().open({
          ...opened,
          ...choice,
          kv_dtype: kept,
          threads,
          compute: products,
          abort,
          onProgress: (placed, total) => bar.update(total > 0 ? Math.floor((placed / total) * shards) : 0),
        }),
      );
      bar.update(shards);
      rememberKept(native, config, kept);
      const generation_config = fileConfig(generation, config, model);
      const tokenizer = onceLoaded(() => AutoTokenizer.from_pretrained(model, hub));
      return new Phi3ForCausalLM({ native, config, generation_config, tokenizer }, model);
    } finally {
      bar.close();
    }
  }
}

/** The same promise for every call; after a failure the next call tries again. */
function onceLoaded<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}

/** Weights with an adapter of this disk or the hub; a revision or subfolder is the model's alone. */
async function merged(
  opened: OpenWeights,
  adapter: string,
  { revision, subfolder, gguf_file, ...hub }: ResolveOptions,
): Promise<Pick<OpenWeights, "files" | "weights">> {
  const read = await openResolved(adapter, { ...hub, only: "adapter" }, ({ folder }) => readAdapter(folder));
  return mergeAdapter(opened, read);
}
