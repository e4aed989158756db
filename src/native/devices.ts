/** What models can run on here, and what arithmetic is done in there. */

/** What arithmetic is done in on a GPU: weights, keys and values are of this type, sums are float32. */
export type Dtype = "float32" | "bfloat16" | "float16";

/** What a prompt's matrix products are computed in on the CPU. */
export type Compute = "float32" | "bfloat16";

/** What the CPU keeps keys and values in. */
export type KvDtype = "float32" | "float16";

/** The CPU's code paths, by the instructions that they use; `PHI3LAB_CPU` chooses one. */
export type CpuPath = "portable" | "avx2" | "avxvnni" | "avx512" | "avx512vnni" | "neon" | "neondotprod";

export interface CpuInfo {
  /** The code path in use, and all that this processor could take. */
  path: CpuPath;
  paths: CpuPath[];
  threads: number;
}

export interface CudaInfo {
  /** Whether this build has the CUDA backend. */
  built: boolean;
  /** The CUDA version that the driver supports, as 13000; 0: no driver, or not asked for (not built). */
  driver_version: number;
  /** The CUDA version of this build, as 13000; 0: not built. */
  runtime_version: number;
  /** A sentence for what is missing; empty where there is a device. */
  problem: string;
  devices: {
    index: number;
    name: string;
    /** Bytes. */
    memory_total: number;
    memory_free: number;
    /** As "9.0". */
    capability: string;
  }[];
}
