/** A model's native half as it is under edits: the same one, whose passes are given them. */
import type { Core } from "../model/core";
import type {
  ForwardOptions,
  ForwardResult,
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
  Summary,
  SummaryOptions,
} from "../native";
import { checkSets, countPositions, nativeKnockOut, type Planned, type PlannedEdit, planEdits } from "./edit_plan";
import type { Edit } from "./edit_types";
import { nativeHook } from "./hooks";

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
      return await work(edits);
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
