/** What a model can run on here: the CPU, and the GPUs that this build can use. */
import { arch, cpus, freemem, totalmem } from "node:os";
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "./host";
import { escapeMarkup } from "./markup";
import { addon, type CpuInfo, type CpuPath, type CudaInfo } from "./native";
import { tableHtml, tableText } from "./table";

/** The machine's processor, as {@link devices} lists it. */
export interface CpuDevice {
  /** Tells it from a GPU of the same list. */
  type: "cpu";
  /** The processor's own name. */
  name: string;
  /** Bytes that the machine, or this container, has. */
  memory_total: number;
  /** Bytes of them that programs can still have. */
  memory_free: number;
  /** Threads that a model takes by default. */
  threads: number;
  /** The code path in use; `PHI3LAB_CPU` chooses another. */
  path: CpuPath;
}

/** A GPU that `device: "cuda"` can use, as {@link devices} lists it. */
export interface CudaDevice {
  /** Tells it from the CPU of the same list. */
  type: "cuda";
  /** CUDA's number for it: 0 in "cuda:0", the one that models run on. */
  index: number;
  /** As its driver calls it: "NVIDIA H200". */
  name: string;
  /** Bytes of the GPU's own memory. */
  memory_total: number;
  /** Bytes of them that no program holds. */
  memory_free: number;
  /** The compute capability: "9.0". */
  capability: string;
  /** The CUDA version that the driver supports: "13.0". */
  driver: string;
}

/**
 * The list that {@link devices} gives: an array that shows itself as a table, with a sentence for what is missing.
 *
 * @example devices().map(({ type }) => type); // => ["cpu"]
 */
export class Devices extends Array<CpuDevice | CudaDevice> {
  /** Why there is no GPU to use, in a sentence; undefined where there is one. */
  readonly cuda_problem: string | undefined;

  /** @internal */
  constructor(list: (CpuDevice | CudaDevice)[], cuda_problem: string | undefined) {
    super();
    this.push(...list);
    this.cuda_problem = cuda_problem;
  }
  /** @internal What `map` and `filter` give is an ordinary array. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  #rows(): string[][] {
    return [["device", "name", "memory", "free", ""], ...Array.from(this, row)];
  }
  #note(): string[] {
    return this.cuda_problem === undefined ? [] : [`No GPU: ${this.cuda_problem}`];
  }
  /** The table as text, a line a device. */
  override toString(): string {
    return [...tableText({ rows: this.#rows() }), ...this.#note()].join("\n");
  }
  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    const table = tableHtml({ rows: this.#rows() });
    const note = this.#note().map((text) => `<p>${escapeMarkup(text)}</p>`);
    return { [mime.text]: this.toString(), [mime.html]: [table, ...note].join("") };
  }
}

/**
 * Lists what models can run on here: the CPU first, then each GPU that `device: "cuda"` can use.
 *
 * @throws Error when the native half is not built, with the command that builds it.
 * @example
 * devices(); // a table: a line a device, its memory and what else it has
 * @example
 * const gpu = devices().find(({ type }) => type === "cuda");
 * if (!gpu) console.log(devices().cuda_problem); // what is missing, in a sentence
 */
export function devices(): Devices {
  const cuda = cudaInfo();
  return listDevices(addon().cpu(), cuda);
}

/** @internal What the native half says of CUDA; either there are devices to use, or a problem, which is a sentence. */
export function cudaInfo(): CudaInfo {
  const info = addon().cuda();
  if (info.problem !== "") return { ...info, devices: [] };
  return info.devices.length > 0 ? info : { ...info, problem: "There is no GPU that CUDA can use." };
}

/**
 * What `device` may be: the CPU, or the first GPU, which "cuda" and "cuda:0" name; "auto": the GPU where it has room.
 */
export type DeviceOption = "auto" | "cpu" | "cuda" | `cuda:${number}`;

/**
 * @internal What a `device` option names.
 *
 * @throws TypeError when it is no device.
 * @throws Error when it is a GPU that cannot be used, with what is missing.
 */
export function readDevice(given: unknown, info: () => CudaInfo = cudaInfo): "auto" | "cpu" | "cuda" {
  const [, type, index] = /^(auto|cpu|cuda)(?::(\d+))?$/.exec(String(given)) ?? [];
  if (type === undefined || (type === "auto" && index !== undefined))
    throw new TypeError(`Expected one of "auto", "cpu", "cuda" for device but received ${inspect(given)}`);
  if (type !== "cuda") return type as "auto" | "cpu";
  if (Number(index ?? 0) !== 0)
    throw new Error(
      `Expected device "cuda" or "cuda:0" but received ${inspect(given)}: a model runs on the first GPU; CUDA_VISIBLE_DEVICES=${index} makes another one the first`,
    );
  const { devices, problem } = info();
  if (devices.length === 0) throw new Error(problem);
  return "cuda";
}

/** @internal Room that a model needs on a GPU beside its weights: keys and values of a long text, activations. */
export const gpuMargin = 768 * 2 ** 20;

/** @internal Whether the first GPU has room for weights of so many bytes. */
export function fitsGpu({ devices: [gpu] }: CudaInfo, bytes: number): boolean {
  return gpu !== undefined && gpu.memory_free >= bytes + gpuMargin;
}

/** @internal */
export function listDevices({ threads, path }: CpuInfo, cuda: CudaInfo): Devices {
  const limit = process.constrainedMemory();
  const total = totalmem();
  const cpu: CpuDevice = {
    type: "cpu",
    name: cpus()[0]?.model.trim() || arch(),
    memory_total: limit > 0 ? Math.min(limit, total) : total,
    memory_free: Math.min(process.availableMemory(), freemem()),
    threads,
    path,
  };
  const driver = versionText(cuda.driver_version);
  const gpus = cuda.devices.map((device): CudaDevice => ({ type: "cuda", ...device, driver }));
  return new Devices([cpu, ...gpus], gpus.length > 0 ? undefined : cuda.problem);
}

/** 13000 is "13.0", 12040 is "12.4". */
function versionText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

function row(device: CpuDevice | CudaDevice): string[] {
  const { type, name, memory_total, memory_free } = device;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const more =
    type === "cpu"
      ? `${device.threads} thread${device.threads === 1 ? "" : "s"}, ${device.path}`
      : `capability ${device.capability}, driver for CUDA ${device.driver}`;
  return [type === "cpu" ? type : `${type}:${device.index}`, name, gib(memory_total), gib(memory_free), more];
}
