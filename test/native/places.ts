/**
 * Where the native tests run a model: on the CPU and, where there is one, on the GPU, also by the kernels of other GPUs.
 * PHI3LAB_TEST_GPU=cpu runs the GPU's cases on the CPU, to try the tests themselves.
 */
import { addon, type Dtype, type NativeModel } from "../../src/native";
import type { OpenWeights } from "../../src/weights";

export interface Place {
  /** Ends a sentence: "on the GPU in float32". */
  name: string;
  gpu: boolean;
  dtype: "auto" | Dtype;
  /** Environment variables that hold while a model is opened. */
  env?: Record<string, string>;
}

/** The GPU as one of this compute capability, or as "portable": our own kernels alone. */
export const asCapability = (arch: string): Record<string, string> => ({
  PHI3LAB_CUDA_ARCH: arch,
  PHI3LAB_CUBLASLT: "off",
});

/** The places where arithmetic is float32. */
export const exactPlaces: Place[] = [
  { name: "on the CPU", gpu: false, dtype: "auto" },
  { name: "on the GPU in float32", gpu: true, dtype: "float32" },
  ...["portable", "8.6", "12.0"].map(
    (arch): Place => ({
      name: `on the GPU in float32 as ${arch}`,
      gpu: true,
      dtype: "float32",
      env: asCapability(arch),
    }),
  ),
];

/** Whether the GPU's cases run on the CPU. */
export const pretended = process.env.PHI3LAB_TEST_GPU === "cpu";

function problem(): string | undefined {
  const cuda = addon().cuda();
  return cuda.devices.length > 0 && cuda.problem === "" ? undefined : cuda.problem;
}

let said = false;

/** Skips the running test, or all of a `before` hook's, where there is no GPU, and says why once. */
export function needGpu(context: Mocha.Context, { real = false } = {}): void {
  if (pretended && !real) return;
  const missing = problem();
  if (missing === undefined) return;
  if (!said) console.log(`      skipped, here and below: needs a GPU. ${missing}`);
  said = true;
  context.skip();
}

/** Defines tests for each place; one that does not exist here is one skipped test, `what`. */
export function atEach(places: Place[], what: string, define: (place: Place) => void): void {
  for (const place of places) {
    if (!place.gpu || pretended || problem() === undefined) define(place);
    else
      it(`${what} ${place.name}`, function () {
        needGpu(this);
      });
  }
}

/** Runs `work` with these environment variables. */
export async function withEnv<T>(env: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

export function open(weights: OpenWeights, place: Omit<Place, "name">): Promise<NativeModel> {
  const device = place.gpu && !pretended ? "cuda" : "cpu";
  return withEnv(place.env ?? {}, () => addon().open({ ...weights, device, dtype: place.dtype }));
}

/** Bytes of the GPU's memory that nobody uses. */
export function freeMemory(): number {
  return addon().cuda().devices[0]?.memory_free ?? 0;
}
