/** A model's native half as it is under edits: the same one, whose passes are given them. */
import type { Core } from "../model/core";
import type {
  ForwardOptions,
  ForwardResult,
  GreedyBatchOptions,
  GreedyOptions,
  GreedyResult,
  NativeCache,
  NativeChange,
  NativeEdit,
  NativeModel,
  NativeModule,
  NativeTensor,
  PartialForward,
  ProfileResult,
  StepOptions,
  Summary,
  SummaryOptions,
} from "../native";
import { checkSets, countPositions, nativeKnockOut, type Planned, type PlannedEdit, planEdits } from "./edit_plan";
import type { Edit } from "./edit_types";
import { nativeHook, withHooks } from "./hooks";

/**
 * What the parts of a model share, under edits: those it has already come first.
 *
 * @throws TypeError or RangeError for what is no edit, or does not fit the model.
 */
export function editedCore(core: Core, edits: readonly Edit[] | null | undefined): Core {
  if (edits === undefined || edits === null) return core;
  const planned = planEdits(core.config, edits);
  const { native } = core;
  const before = native instanceof EditedNative ? native : undefined;
  if (planned.length === 0) return core;
  return { ...core, native: new EditedNative(before?.original ?? native, [...(before?.planned ?? []), ...planned]) };
}

type AnyForward = ForwardOptions & Partial<PartialForward>;

/** A view of a model whose every pass is edited. */
class EditedNative implements NativeModel {
  /** What was uploaded of the edits' values, for as long as the view lives: a device's graph is recorded over them. */
  readonly #values = new Map<PlannedEdit, NativeTensor>();

  constructor(
    readonly original: NativeModel,
    readonly planned: readonly Planned[],
  ) {}

  get device(): "cpu" | "cuda" {
    return this.original.device;
  }
  get dtype(): NativeModel["dtype"] {
    return this.original.dtype;
  }
  createCache(): NativeCache {
    return this.original.createCache();
  }

  forward(options: PartialForward): Promise<Pick<ForwardResult, "taps">>;
  forward(options: ForwardOptions): Promise<ForwardResult>;
  forward({ prompt, ...options }: AnyForward): Promise<ForwardResult> {
    const tokens = options.embeds ? (options.embeds.dims[0] as number) : options.ids.length;
    const end = prompt ?? (options.cache?.length ?? 0) + tokens;
    return this.#with(end, (edits) => this.original.forward({ ...options, edits }));
  }
  generateGreedy(options: GreedyOptions): Promise<GreedyResult> {
    return this.#with(options.ids.length, (edits) => this.original.generateGreedy({ ...options, edits }));
  }

  /** One text after the other: edits are made of one. */
  async generateGreedyBatch({ texts, ...options }: GreedyBatchOptions): Promise<GreedyResult[]> {
    const results: GreedyResult[] = [];
    for (const text of texts) results.push(await this.generateGreedy({ ...options, ...text, use_cache: true }));
    return results;
  }
  /** The same. */
  async step({ caches, ids, length, prompts, abort }: StepOptions): Promise<NativeTensor> {
    const rows: Float32Array[] = [];
    for (const [i, cache] of caches.entries()) {
      const prompt = prompts?.[i];
      const { last_hidden_state: hidden } = await this.forward({
        ids: ids.slice(i, i + 1),
        cache,
        length,
        prompt,
        abort,
      });
      const logits = await this.lmHead(hidden, 0, 1);
      hidden.dispose();
      rows.push(logits.read(0, logits.dims[1] as number));
      logits.dispose();
    }
    const width = (rows[0] as Float32Array).length;
    const all = new Float32Array(rows.length * width);
    rows.forEach((row, i) => {
      all.set(row, i * width);
    });
    return this.upload(all, [rows.length, width]);
  }
  copyCache(options: Parameters<NativeModel["copyCache"]>[0]): Promise<void> {
    return this.original.copyCache(options);
  }

  /** Runs `work` with the edits of a text whose prompt ends before `end`; a hook's own error is what the call rejects with. */
  async #with<T>(end: number, work: (edits: NativeChange[]) => Promise<T>): Promise<T> {
    let failure: { error: unknown } | undefined;
    const failed = (error: unknown): void => {
      failure ??= { error };
    };
    const edits = this.planned.map((one): NativeChange => {
      if (one.kind === "hook") return nativeHook(this.original, one, failed);
      if (one.kind === "knock_out") return nativeKnockOut(one, end);
      return this.#edit(one.edit, end);
    });
    checkSets(edits.filter((one): one is NativeEdit => "op" in one));
    try {
      return await (this.planned.some(({ kind }) => kind === "hook") ? withHooks(() => work(edits)) : work(edits));
    } catch (error) {
      throw failure ? failure.error : error;
    }
  }

  #edit(planned: PlannedEdit, end: number): NativeEdit {
    const { value, positions, ...rest } = planned;
    const native = { ...rest, ...countPositions(positions, end) };
    if (value === undefined) return native;
    let uploaded = this.#values.get(planned);
    if (uploaded === undefined) {
      uploaded = this.original.upload(value.data, [value.rows, rest.last - rest.first]);
      this.#values.set(planned, uploaded);
    }
    return { ...native, value: uploaded };
  }

  lmHead(hidden: NativeTensor, start: number, rows: number): Promise<NativeTensor> {
    return this.original.lmHead(hidden, start, rows);
  }
  apply(module: NativeModule, layer: number, input: NativeTensor, start: number, rows: number): Promise<NativeTensor> {
    return this.original.apply(module, layer, input, start, rows);
  }
  embed(ids: Int32Array): Promise<NativeTensor> {
    return this.original.embed(ids);
  }
  summarise(options: SummaryOptions): Promise<Summary> {
    return this.original.summarise(options);
  }
  upload(data: Float32Array, dims: number[]): NativeTensor {
    return this.original.upload(data, dims);
  }
  startProfile(): Promise<void> {
    return this.original.startProfile();
  }
  stopProfile(): Promise<ProfileResult> {
    return this.original.stopProfile();
  }
  stream(): Promise<number> {
    return this.original.stream();
  }
  memory(): ReturnType<NativeModel["memory"]> {
    return this.original.memory();
  }
  dispose(): Promise<void> {
    return this.original.dispose();
  }
}
