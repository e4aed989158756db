/**
 * A checkpoint's tensors as safetensors has them, under the names that transformers' language models give them, and in
 * formats that the backends have: F64 becomes float32, 8-bit floats with their scales become float16, at load.
 */
import type { WeightEntry, WeightPart } from "../native";
import { quote, refusal } from "./error";
import { floatTypes, type WeightType } from "./formats";
import { type Quantisation, quantisedBy } from "./quantised";
import type { SafeTensor } from "./safetensors";

/** A tensor of one of a checkpoint's files. */
export type StoredTensor = SafeTensor & { file: number };

const integer = /^(BOOL|[IU]\d+)$/;
const widths: Record<string, number> = { F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1 };

/** A checkpoint whose tensors are found by transformers' names. */
export class Checkpoint {
  /** What `assignRoles` takes; each part's type is the file's until {@link read} has seen it. */
  readonly parts: WeightPart[];
  readonly #source: string;
  readonly #stored: Map<string, StoredTensor>;
  readonly #quantisation: Quantisation;

  /**
   * @param source The file or folder, for messages.
   * @throws WeightsError for weights that GPTQ, AWQ or bitsandbytes quantised.
   */
  constructor(source: string, tensors: StoredTensor[], quantisation: Quantisation) {
    const quantised = quantisedBy(tensors.map(({ name }) => name));
    if (quantised !== undefined) refusal(source)(quantised);
    this.#source = source;
    this.#quantisation = quantisation;
    const rename = renaming(tensors.map(({ name }) => name));
    // A mask that old checkpoints keep as a buffer is no bias of a layer.
    const wanted = tensors.filter(({ name, dtype }) => !(name.endsWith(".bias") && integer.test(dtype)));
    this.#stored = new Map(wanted.map((tensor) => [rename(tensor.name), { ...tensor, name: rename(tensor.name) }]));
    this.parts = [...this.#stored.values()].map(({ dtype, ...tensor }) => ({ ...tensor, type: dtype as WeightType }));
  }

  /**
   * The weights that the forward pass asks for, each in a format that backends have.
   *
   * @throws WeightsError about the first one in a format that nobody computes with.
   */
  read(weights: WeightEntry[]): WeightEntry[] {
    return weights.map((entry) => ({ ...entry, parts: entry.parts.map((part) => this.#read(part)) }));
  }

  #read(part: WeightPart): WeightPart {
    const dtype: string = part.type;
    const fail = refusal(this.#source);
    const width = widths[dtype];
    if (width === undefined)
      return fail(
        `holds the tensor ${quote(part.name)} as ${dtype}; expected F32, F16, BF16, F64 or F8_E4M3: take the model's unquantised weights`,
      );
    if (part.offset % width !== 0)
      fail(
        `has the ${dtype} tensor ${quote(part.name)} at byte ${part.offset}, no multiple of ${width}; save it again with safetensors 0.3 or later`,
      );
    if (dtype === "F64") return { ...part, type: "F32", conversion: { stored: "F64" } };
    if (dtype === "F8_E4M3") return { ...part, type: "F16", conversion: { stored: "F8_E4M3", ...this.#scales(part) } };
    return part;
  }

  /** The scales beside an 8-bit weight: one, one a row, or one a block; none: its numbers are meant as they are. */
  #scales({ name, shape }: WeightPart): Pick<NonNullable<WeightPart["conversion"]>, "scales"> {
    const found = this.#stored.get(`${name}_scale_inv`) ?? this.#stored.get(`${name}_scale`);
    if (!found) return {};
    const fail = refusal(this.#source);
    const wanted = `as [${found.shape.join(", ")}] beside [${shape.join(", ")}]`;
    if (!floatTypes.includes(found.dtype))
      fail(`holds ${quote(found.name)} as ${found.dtype}; expected F32, BF16 or F16`);
    const [down = 1, across = 1, ...more] = found.shape;
    const [rows, cols] = shape.length === 1 ? [1, shape[0] as number] : [shape[0] as number, shape[1] as number];
    const block = [
      blockOf(rows, down, this.#quantisation.block[0]),
      blockOf(cols, across, this.#quantisation.block[1]),
    ];
    if (more.length > 0 || block.includes(undefined))
      fail(
        `holds ${quote(found.name)} ${wanted}; expected a scale in all, a row, or a block of ${this.#quantisation.block.join(" × ")}`,
      );
    const { dtype, file, offset } = found;
    const values = { type: dtype as WeightType, shape: [down, across], file, offset };
    return { scales: { ...values, block: block as number[] } };
  }
}

/** Numbers that share a scale along one side; undefined where so many scales cannot be. */
function blockOf(size: number, scales: number, block: number): number | undefined {
  if (scales === 1) return size;
  if (scales === size) return 1;
  if (scales === Math.ceil(size / block)) return block;
  return undefined;
}

/** Where else a language model's stack lies than under "model.", and what stands before its head. */
const places: [stack: string, head: string][] = [
  ["model.language_model.", ""],
  ["language_model.model.", "language_model."],
  ["language_model.", "language_model."],
  ["", ""],
];

/**
 * From a checkpoint's names to a language model's: `layers.0…` of the stack alone, and `language_model.model.layers.0…`
 * or `model.language_model.layers.0…` of a model that also sees or hears, become `model.layers.0…`.
 */
function renaming(names: readonly string[]): (name: string) => string {
  const has = (stack: string): boolean => names.includes(`${stack}embed_tokens.weight`);
  const [stack, head] = (!has("model.") && places.find(([stack]) => has(stack))) || ["model.", ""];
  return (name) => {
    if (name.startsWith(`${head}lm_head.`)) return name.slice(head.length);
    if (name.startsWith(stack) && !name.startsWith("lm_head.")) return `model.${name.slice(stack.length)}`;
    return name;
  };
}
