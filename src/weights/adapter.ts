/**
 * LoRA adapters in PEFT's layout (adapter_config.json, adapter_model.safetensors), merged into a model's weights at load:
 * W + factor · B · A, whatever the base has stacked and the adapter not, or the other way round.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ModelConfig, StoredMatrix, WeightEntry, WeightPart } from "../native";
import { sizeOf } from "../tensor/shape";
import { readJson } from "./config";
import { quote, refusal, WeightsError } from "./error";
import { Fields } from "./fields";
import { bytesPerElement, floatTypes, isQuantised, type WeightType } from "./formats";
import { type Projection, projections } from "./roles";
import { readSafetensors, type SafeTensor } from "./safetensors";

type Json = Record<string, unknown>;

/** What an adapter multiplies a module's input with. */
interface Factors {
  a?: SafeTensor;
  b?: SafeTensor;
}

/** An adapter, read from its folder. */
export interface Adapter {
  /** The weight file. */
  file: string;
  fields: Fields;
  /** By the module's name, as transformers has it ("model.layers.0.self_attn.q_proj"). */
  factors: Map<string, Factors>;
  /** Embeddings and heads that PEFT saves beside the factors where they were adapted or resized, by their module. */
  whole: Map<string, SafeTensor>;
}

/** Settings of PEFT's that make another computation of an adapter, with what they are called. */
const foreign: Record<string, string> = {
  use_dora: "DoRA (use_dora)",
  use_qalora: "QALoRA (use_qalora)",
  use_bdlora: "BD-LoRA (use_bdlora)",
  kasa_config: "KaSA (kasa_config)",
  monteclora_config: "MonteCLoRA (monteclora_config)",
  arrow_config: "Arrow (arrow_config)",
  alora_invocation_tokens: "activated LoRA (alora_invocation_tokens)",
  lora_bias: "biases (lora_bias)",
  modules_to_save: "whole modules (modules_to_save)",
  trainable_token_indices: "tokens of its own (trainable_token_indices)",
  target_parameters: "parameters (target_parameters)",
  layer_replication: "repeated layers (layer_replication)",
};
/** Beginnings of `init_lora_weights` by which the base's weights were changed, too. */
const changedBase = /^(pissa|olora|corda|loftq|lora_ga)/i;

/**
 * Reads an adapter's folder.
 *
 * @throws WeightsError where it is none, is damaged, or is of another kind than LoRA.
 */
export async function readAdapter(folder: string): Promise<Adapter> {
  const json = await readJson(join(folder, "adapter_config.json"));
  if (!json) throw new WeightsError(folder, `${folder} has no adapter_config.json: it is no adapter of PEFT's.`);
  const fields: Fields = new Fields(join(folder, "adapter_config.json"), (key) => json[key]);
  checkKind(fields, json);
  const file = join(folder, "adapter_model.safetensors");
  if (!(await stat(file).catch(() => undefined))) {
    const pickled = await stat(join(folder, "adapter_model.bin")).catch(() => undefined);
    const why = pickled
      ? `only PyTorch's pickled adapter_model.bin, which is never read here; PeftModel.from_pretrained(…).save_pretrained("converted") of Python's peft writes it`
      : "download the adapter again";
    throw new WeightsError(file, `${folder} has no adapter_model.safetensors: ${why}.`);
  }
  const factors = new Map<string, Factors>();
  const whole = new Map<string, SafeTensor>();
  for (const tensor of await readSafetensors(file)) {
    const [, module, which] =
      /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(tensor.name) ?? [];
    const [, embeddings] =
      /^(?:base_model\.model\.)?(lm_head|model\.embed_tokens)(?:\.base_layer)?\.weight$/.exec(tensor.name) ?? [];
    if (embeddings !== undefined) {
      whole.set(embeddings, tensor);
      continue;
    }
    if (module === undefined)
      refusal(file)(`holds ${quote(tensor.name)}; only lora_A and lora_B of matrices are merged`);
    const both = factors.get(module as string) ?? {};
    both[which === "A" ? "a" : "b"] = tensor;
    factors.set(module as string, both);
  }
  if (factors.size === 0) refusal(file)("holds no lora_A and lora_B");
  return { file, fields, factors, whole };
}

function checkKind(fields: Fields, json: Json): void {
  if (json.peft_type !== "LORA")
    fields.fail(`describes an adapter of the kind ${JSON.stringify(json.peft_type) ?? "unknown"}; phi3lab merges LORA`);
  const means = (value: unknown): boolean =>
    value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
  for (const [key, name] of Object.entries(foreign))
    if (means(json[key])) fields.fail(`asks for ${name}; phi3lab merges plain LoRA`);
  if (typeof json.bias === "string" && json.bias !== "none")
    fields.fail(`asks for bias = "${json.bias}"; expected "none"`);
  const start = json.init_lora_weights;
  if (typeof start === "string" && changedBase.test(start))
    fields.fail(
      `began from ${JSON.stringify(start)}, which changes the base's weights, too; save it with path_initial_model_for_weight_conversion, which makes plain LoRA of it`,
    );
}

/** What an adapter changed, for the reader. */
export interface Merged {
  weights: WeightEntry[];
  /** The adapter's file is the last one. */
  files: string[];
}

/**
 * Merges an adapter into weights: embeddings and head that it brings along take the place of the base's, and each part
 * that it touches gets what is added to it. Float parts stay of their type, as PEFT's `merge_and_unload` leaves them;
 * quantised ones become float16.
 *
 * @throws WeightsError where the adapter is another model's.
 */
export function mergeAdapter(
  opened: { config: ModelConfig; files: string[]; weights: WeightEntry[] },
  adapter: Adapter,
): Merged {
  const known = new Map(projections(opened.config).map((projection) => [projection.module, projection]));
  const weights = opened.weights.map((entry) => ({ ...entry, parts: [...entry.parts] }));
  const fail = refusal(adapter.file);
  const at = opened.files.length;
  for (const [module, tensor] of adapter.whole) {
    const entry = weights.find(({ role }) => role === known.get(module)?.role);
    if (entry === undefined) continue; // a tied head, saved with the embeddings
    const { shape } = known.get(module) as Projection;
    if (tensor.shape.join() !== shape.join())
      fail(
        `brings ${quote(module)} as [${tensor.shape.join(", ")}] in place of [${shape.join(", ")}]: its vocabulary was extended, which is not merged`,
      );
    entry.parts = [{ name: tensor.name, ...matrix(tensor, at, adapter.file) }];
  }
  for (const [name, { a, b }] of adapter.factors) {
    const [, digits, inLayer] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
    const layer = digits === undefined ? -1 : Number(digits);
    const projection = known.get(inLayer ?? name);
    const entry = weights.find((one) => one.role === projection?.role && one.layer === layer);
    if (projection === undefined || entry === undefined) {
      const why = name === "lm_head" ? ", which is tied to the embeddings here" : "";
      return fail(`is for the module ${quote(name)}${why}; this model has no such matrix to merge it into`);
    }
    if (!a || !b) return fail(`has only one of the two factors of ${quote(name)}: it is damaged; download it again`);
    const rank = a.shape[0] as number;
    const [rows, cols] = projection.shape;
    const found = `[${a.shape.join(", ")}] and [${b.shape.join(", ")}]`;
    const wanted = `[${rank}, ${cols}] and [${rows}, ${rank}]`;
    if (found !== wanted)
      fail(
        `has factors of ${quote(name)} as ${found}; its matrix is [${rows}, ${cols}]: the adapter is another model's`,
      );
    const add = { a, b, factor: factorOf(adapter.fields, name, rank), file: at };
    entry.parts = addToParts(entry.parts, projection, add, adapter.file);
  }
  return { weights, files: [...opened.files, adapter.file] };
}

/** lora_alpha / r, or / √r with rank-stabilised scaling; of a module where patterns name it. */
function factorOf(fields: Fields, module: string, rank: number): number {
  const pattern = Object.entries(fields.object("alpha_pattern")).find(([key]) => matches(key, module));
  const alpha = pattern === undefined ? fields.positive("lora_alpha", 8) : pattern[1];
  if (typeof alpha !== "number" || !Number.isFinite(alpha))
    return fields.fail(`has alpha_pattern = ${JSON.stringify(alpha)} for ${quote(module)}; expected a number`);
  return alpha / (fields.value("use_rslora") === true ? Math.sqrt(rank) : rank);
}

/** Whether PEFT's pattern, a regular expression of a name's end, names this module. */
function matches(pattern: string, module: string): boolean {
  try {
    return new RegExp(`^(.*\\.)?(${pattern})$`).test(module);
  } catch {
    return false; // of Python's own syntax
  }
}

interface Product {
  a: SafeTensor;
  b: SafeTensor;
  factor: number;
  /** Of the adapter's weights. */
  file: number;
}

/** The parts of a weight, the adapter's rows shared out among those that hold them. */
function addToParts(parts: WeightPart[], { first, shape }: Projection, product: Product, file: string): WeightPart[] {
  const end = first + shape[0];
  let at = 0;
  return parts.map((part) => {
    const start = at;
    at += part.shape[0] as number;
    const [from, to] = [Math.max(first, start), Math.min(end, at)];
    if (from >= to) return part;
    const a = matrix(product.a, product.file, file);
    const b = matrix(product.b, product.file, file);
    const rank = b.shape[1] as number;
    const skipped = (from - first) * rank * bytesPerElement(b.type);
    const rows = { ...b, shape: [to - from, rank], offset: b.offset + skipped };
    const conversion = part.conversion ?? { stored: part.type };
    const added = [...(conversion.added ?? []), { first: from - start, a, b: rows, factor: product.factor }];
    const type = isQuantised(part.type) ? "F16" : part.type;
    return { ...part, type, conversion: { ...conversion, added } };
  });
}

function matrix({ name, dtype, shape, offset }: SafeTensor, at: number, file: string): StoredMatrix {
  if (!floatTypes.includes(dtype))
    refusal(file)(`holds the tensor ${quote(name)} as ${dtype}; expected F32, F16 or BF16`);
  return { type: dtype as WeightType, shape, file: at, offset };
}

/** A line for the reader where an adapter made parts of a quantised base larger. */
export function adapterNote(weights: readonly WeightEntry[]): string | undefined {
  let [matrices, more] = [0, 0];
  for (const { shape, type, conversion } of weights.flatMap(({ parts }) => parts)) {
    if (type !== "F16" || conversion?.added === undefined || !isQuantised(conversion.stored)) continue;
    matrices++;
    more += (bytesPerElement(type) - bytesPerElement(conversion.stored)) * sizeOf(shape);
  }
  if (matrices === 0) return undefined;
  const megabytes = (more / 1e6).toFixed(1);
  return `Adapter: merged into ${matrices} quantised matrices, which are kept as float16: ${megabytes} MB more.`;
}
