/** Where a model goes and in which arithmetic: what `device` and `dtype` mean, "auto" most of all. */
import { existsSync } from "node:fs";
import { inspect } from "node:util";
import { cudaInfo, fitsGpu, gpuMargin } from "../devices";
import type { Compute, CudaInfo, Dtype, KvDtype, WeightPart } from "../native";
import { sizeOf } from "../tensor/shape";
import { bytesPerElement, gpuBytesPerElement, isQuantised, type Quantised } from "../weights";

/** What `dtype` may be: "auto", a type of arithmetic, or what float weights are quantised to. */
export type DtypeOption = "auto" | Dtype | "q8" | "q4";
const dtypes: readonly DtypeOption[] = ["auto", "float32", "bfloat16", "float16", "q8", "q4"];

/** What weights are quantised to at load, where `dtype` says so; the arithmetic is "auto" then. */
export const quantisedTo = (dtype: DtypeOption): Quantised | undefined =>
  dtype === "q8" || dtype === "q4" ? dtype : undefined;

function readOne<T extends string>(known: readonly T[], name: string, given: unknown): T {
  if (!known.includes(given as T))
    throw new TypeError(
      `Expected one of ${known.map((one) => `"${one}"`).join(", ")} for ${name} but received ${inspect(given)}`,
    );
  return given as T;
}

/** @throws TypeError when it is no dtype. */
export const readDtype = (given: unknown): DtypeOption => readOne(dtypes, "dtype", given);

/** @throws TypeError when it is no arithmetic of the CPU's prompts. */
export const readCompute = (given: unknown): Compute => readOne<Compute>(["float32", "bfloat16"], "compute", given);

/** @throws TypeError when it is no type of keys and values. */
export const readKvDtype = (given: unknown): KvDtype | undefined =>
  given === undefined ? undefined : readOne<KvDtype>(["float32", "float16"], "kv_dtype", given);

/** @throws Error when a GPU is to keep keys and values otherwise than `dtype` says. */
export function checkKvDtype(kv_dtype: KvDtype | undefined, { device, dtype }: DeviceChoice): void {
  if (device === "cuda" && kv_dtype !== undefined && kv_dtype !== dtype)
    throw new Error(
      `Expected no kv_dtype on a GPU, where dtype decides how keys and values are kept, here ${dtype}, but received "${kv_dtype}"`,
    );
}

type Weights = Pick<WeightPart, "type" | "shape">[];
const elements = ({ shape }: { shape: number[] }): number => sizeOf(shape);

/**
 * What "auto" is on a GPU: the type of most of the files' bytes where that is a type of floating-point numbers. Where
 * they are quantised, whose numbers stay as they are or become float32, it is float32.
 */
export function autoDtype(weights: Weights): Dtype {
  const bytes = new Map<string, number>();
  for (const weight of weights)
    bytes.set(weight.type, (bytes.get(weight.type) ?? 0) + elements(weight) * bytesPerElement(weight.type));
  const [[most] = ["F32"]] = [...bytes].sort(([, a], [, b]) => b - a);
  if (most === "BF16") return "bfloat16";
  return most === "F16" ? "float16" : "float32";
}

/** Bytes of the weights on a GPU, in this arithmetic: most quantised formats stay as compact as they are. */
export function gpuBytes(weights: Weights, dtype: Dtype): number {
  const size = dtype === "float32" ? 4 : 2;
  return weights.reduce((sum, weight) => sum + elements(weight) * gpuBytesPerElement(weight.type, size), 0);
}

export interface DeviceChoice {
  device: "cpu" | "cuda";
  dtype: Dtype;
  /** For the reader, where "auto" was a choice: what was taken and why. */
  said?: string;
}

/** Decides for a model whose files hold these weights. */
export function chooseDevice(
  device: "auto" | "cpu" | "cuda",
  option: DtypeOption,
  weights: Weights,
  { info = cudaInfo, driver = hasGpu }: { info?: () => CudaInfo; driver?: () => boolean } = {},
): DeviceChoice {
  const onCpu = (said?: string): DeviceChoice => ({ device: "cpu", dtype: "float32", ...(said ? { said } : {}) });
  if (device === "cpu") return onCpu();
  const dtype = option === "auto" || option === "q8" || option === "q4" ? autoDtype(weights) : option;
  if (device === "cuda") return { device, dtype };
  const cuda = info();
  const [gpu] = cuda.devices;
  // A build without CUDA on a machine without a GPU is as it should be.
  if (gpu === undefined) return onCpu(cuda.built || driver() ? `Device: cpu. ${cuda.problem}` : undefined);
  const bytes = gpuBytes(weights, dtype);
  const gb = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  if (!fitsGpu(cuda, bytes)) {
    const kept = weights.some(({ type }) => isQuantised(type)) ? "" : ` in ${dtype}`;
    return onCpu(
      `Device: cpu, because ${gpu.name} has ${gb(gpu.memory_free)} free and the weights${kept} are ${gb(bytes)}, with ${gb(gpuMargin)} to work in.`,
    );
  }
  return { device: "cuda", dtype, said: `Device: cuda:${gpu.index}, ${gpu.name}, in ${dtype}.` };
}

/** For the reader, where `compute` was asked for and means nothing. */
export function computeNote({ device, dtype }: DeviceChoice, compute: Compute): string | undefined {
  if (device === "cpu" || compute === "float32") return undefined;
  return `compute: "${compute}" is of the CPU; on the GPU dtype says what is computed in, here ${dtype}.`;
}

/** Whether the machine has a GPU of NVIDIA's, for builds that cannot ask it. */
function hasGpu(): boolean {
  return ["/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1"].some((path) => existsSync(path));
}
