/** What a model keeps of each position: the sizes of its keys and values, which its caches are asked for. */
import type { CacheMemory } from "../insight/results";
import type { KvDtype, ModelConfig, NativeCache, NativeModel } from "../native";

interface Kept {
  config: ModelConfig;
  /** Of a number. */
  bytes: 2 | 4;
}
const models = new WeakMap<NativeModel, Kept>();

/** Says what a model's caches hold; `kv_dtype` is the CPU's, a GPU keeps them in its model's type. */
export function rememberKept(native: NativeModel, config: ModelConfig, kv_dtype: KvDtype | undefined): void {
  const dtype = native.device === "cpu" ? (kv_dtype ?? "float32") : native.dtype;
  models.set(native, { config, bytes: dtype === "float32" ? 4 : 2 });
}

/** What the caches of a batch take. */
export function memoryOf(native: NativeModel, caches: readonly NativeCache[]): CacheMemory {
  const { config, bytes } = models.get(native) as Kept;
  const layer = 2 * config.num_key_value_heads * config.head_dim * bytes;
  const positions = caches.reduce((sum, { length }) => sum + length, 0);
  return {
    positions,
    committed: caches.reduce((sum, { nbytes }) => sum + nbytes, 0),
    needed: positions * layer * config.num_hidden_layers,
    per_position: layer * config.num_hidden_layers,
    by_layer: new Array<number>(config.num_hidden_layers).fill(positions * layer),
  };
}
