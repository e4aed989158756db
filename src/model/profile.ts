/** Where a model's time goes: the stages of its forward pass, timed on the device while a function runs. */
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { escapeMarkup } from "../markup";
import type { NativeModel, ProfileEntry, ProfileResult } from "../native";
import { checkOptions } from "../options";
import { Figure } from "../plots/figure";
import type { Axis } from "../plots/plot";
import { palette } from "../plots/style";
import { type TextTable, tableHtml, tableText } from "../table";
import { unlessAborted } from "./abort";

/** The stages by name, in the order of a pass; each is one step of it, with what is fused into that step. */
const stageNames: Record<ProfileEntry["part"], string> = {
  embed: "embeddings",
  qkv: "norm, qkv, rope, append",
  attention: "attention",
  output: "output projection",
  gate_up: "norm, gate, up, SwiGLU",
  down: "down projection",
  head: "norm and head",
  argmax: "argmax",
};
const between = "between the stages";

interface Cost {
  /** How often it ran. */
  calls: number;
  /** Milliseconds, of all calls together. */
  ms: number;
  /** Bytes read from memory at least, of all calls together: weights, or keys and values (stage `attention`). */
  bytes: number;
}
/** What one stage of the forward pass took, in all layers together. */
export interface ProfileStage extends Cost {
  /** Which one, in one word. */
  stage: ProfileEntry["part"];
  /** Which one, in words: what is fused into it, as the table has it. */
  name: string;
}
/** What one layer took, all of its stages together. */
export interface ProfileLayer extends Cost {
  /** Its number, from 0 on. */
  layer: number;
}

/** What `model.profile` takes beside the function. */
export interface ProfileOptions {
  /** Bytes a second that the memory gives, which shares are of. Default: measured once a model, in about 0.2 s. */
  stream?: number;
  /** Ends the profile and what is given the same signal, as the notebook's interrupt does. */
  signal?: AbortSignal;
}

/** Tokens' passes on a GPU, which are recorded as a graph of all stages and replayed when nothing is timed. */
export interface ProfileReplay {
  /** How many there were. */
  passes: number;
  /** Milliseconds that one took in the profile, stage by stage. */
  staged_ms: number;
  /** Milliseconds that one takes when it is replayed, measured right after the profile. */
  replayed_ms: number;
}

/** What {@link Profile.plot} takes. */
export interface PlotProfileOptions {
  /** A bar a stage (default), or a bar a layer. */
  by?: "stage" | "layer";
  /** Stands above the bars. Default: `Where the time goes`. */
  title?: string;
}

/**
 * Where the time of some work went, stage by stage: what `model.profile` gives. As a cell's last value it is a table;
 * `String(profile)` is that table as text, `profile.plot()` a plot.
 *
 * @example
 * const profile = await model.profile(() => model.generate({ input_ids, max_new_tokens: 5 }));
 * const [slowest] = [...profile.stages].sort((a, b) => b.ms - a.ms);
 * console.log(`${slowest.name}: ${slowest.ms} ms in ${profile.passes} passes`);
 */
export class Profile {
  /** Runs through all layers: one a generated token, one (or a few) a prompt. */
  readonly passes: number;
  /** From the start of the function to its end, in milliseconds. */
  readonly total_ms: number;
  /** Bytes a second that the memory gives when it is read from end to end. */
  readonly stream: number;
  /** In the order of a pass; a stage that did not run is not there. */
  readonly stages: ProfileStage[];
  /** In their order; none where only the head ran. */
  readonly layers: ProfileLayer[];
  /** What replaying tokens' passes saves: on a GPU, where tokens were decoded, else undefined. */
  readonly replay: ProfileReplay | undefined;
  readonly #device: "cpu" | "cuda";

  /** @internal */
  constructor(
    { stages: entries, replays }: ProfileResult,
    { total_ms, stream, device }: { total_ms: number; stream: number; device: "cpu" | "cuda" },
  ) {
    this.total_ms = total_ms;
    this.stream = stream;
    this.#device = device;
    if (replays) {
      const ms = (seconds: number): number => (1000 * seconds) / replays.passes;
      this.replay = { passes: replays.passes, staged_ms: ms(replays.staged), replayed_ms: ms(replays.replayed) };
    }
    const group = <K>(key: (entry: ProfileEntry) => K): [K, Cost][] => {
      const groups = new Map<K, Cost>();
      for (const entry of entries) {
        const cost = groups.get(key(entry)) ?? { calls: 0, ms: 0, bytes: 0 };
        cost.calls += entry.calls;
        cost.ms += 1000 * entry.seconds;
        cost.bytes += entry.bytes;
        groups.set(key(entry), cost);
      }
      return [...groups];
    };
    this.stages = group(({ part }) => part).map(([stage, cost]) => ({ stage, name: stageNames[stage], ...cost }));
    this.layers = group(({ layer }) => layer)
      .filter(([layer]) => layer >= 0)
      .sort(([a], [b]) => a - b)
      .map(([layer, cost]) => ({ layer, ...cost }));
    this.passes = this.stages.find(({ stage }) => stage === "embed")?.calls ?? 0;
  }

  /** Milliseconds in which no stage ran: JavaScript, hand-over between threads, waiting in the queue. */
  get between_ms(): number {
    return this.total_ms - this.stages.reduce((sum, { ms }) => sum + ms, 0);
  }
  /** Bytes of weights read. */
  get weight_bytes(): number {
    return this.stages.reduce((sum, { stage, bytes }) => sum + (stage === "attention" ? 0 : bytes), 0);
  }
  /** Bytes of keys and values read. */
  get cache_bytes(): number {
    return this.stages.find(({ stage }) => stage === "attention")?.bytes ?? 0;
  }

  /** Figures are a pass's where there were several. */
  get #unit(): { count: number; words: string } {
    return this.passes > 1 ? { count: this.passes, words: " a pass" } : { count: 1, words: "" };
  }
  #table(): TextTable {
    const { count, words } = this.#unit;
    const row = (name: string, ms: number, calls?: number, bytes = 0): string[] => {
      const rate = bytes > 0 ? (1000 * bytes) / ms : undefined;
      return [
        name,
        calls === undefined ? "" : calls.toLocaleString("en-US"),
        (ms / count).toFixed(3),
        percent(ms / this.total_ms),
        rate === undefined ? "" : (bytes / count / 1e6).toFixed(2),
        rate === undefined ? "" : (rate / 1e9).toFixed(1),
        rate === undefined ? "" : `${((100 * rate) / this.stream).toFixed(0)}%`,
      ];
    };
    const rows = [
      ["", "calls", `ms${words}`, "share", `MB${words}`, "GB/s", "of the stream"],
      ...this.stages.map(({ name, ms, calls, bytes }) => row(name, ms, calls, bytes)),
      row(between, this.between_ms),
      row("all", this.total_ms, undefined, this.weight_bytes + this.cache_bytes),
    ];
    return { rows, numeric: (column) => column > 0 };
  }
  /** Of the stream that reading the bytes of a pass in so many milliseconds is. */
  #share(ms: number): number {
    return (1000 * (this.weight_bytes + this.cache_bytes)) / (ms * this.stream);
  }
  #notes(): string[] {
    const { count, words } = this.#unit;
    const memory = this.#device === "cpu" ? "this machine's memory" : "the GPU's memory";
    const notes = [
      `The stream: ${memory} gives ${(this.stream / 1e9).toFixed(1)} GB/s when it is read from end to end.`,
    ];
    if (this.layers.length === 0) return notes;
    const { replay } = this;
    const share = this.#share(replay ? replay.replayed_ms * count : this.total_ms);
    if (replay)
      notes.push(
        `Not profiled, a token's pass is replayed as one recorded graph, whose stages overlap: ${replay.replayed_ms.toFixed(2)} ms instead of ${replay.staged_ms.toFixed(2)} ms.`,
      );
    const limit =
      share >= memoryBound
        ? "it is what limits this run"
        : "what limits this run is arithmetic and the hand-over between stages, not memory";
    notes.push(`${replay ? "So" : "In all"} the memory is read at ${percent(share, 0)} of the stream: ${limit}.`);
    const [first, ...rest] = [...this.layers].sort((a, b) => a.ms - b.ms) as [ProfileLayer, ...ProfileLayer[]];
    const last = rest.at(-1) ?? first;
    const ms = (layer: ProfileLayer): string => (layer.ms / count).toFixed(3);
    const text = `A layer takes from ${ms(first)} ms (layer ${first.layer}) to ${ms(last)} ms (layer ${last.layer})${words}.`;
    return [text, ...notes];
  }
  #title(): string {
    const { passes, total_ms } = this;
    const rate = passes > 1 ? `, ${(total_ms / passes).toFixed(2)} ms a pass` : "";
    return `${passes.toLocaleString("en-US")} pass${passes === 1 ? "" : "es"} in ${total_ms.toFixed(1)} ms${rate}`;
  }

  /** The table as text, with what it means below. */
  toString(): string {
    return [this.#title(), ...tableText(this.#table()), ...this.#notes()].join("\n");
  }
  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    const paragraph = (text: string): string => `<p>${escapeMarkup(text)}</p>`;
    const html = [paragraph(this.#title()), tableHtml(this.#table()), ...this.#notes().map(paragraph)];
    return { [mime.text]: this.toString(), [mime.html]: html.join("") };
  }

  /**
   * The figures as plain data, for `JSON.stringify`.
   *
   * @example JSON.stringify(await model.profile(() => model(input_ids)));
   */
  toJSON(): Record<string, unknown> {
    const { passes, total_ms, between_ms, weight_bytes, cache_bytes, stream, stages, layers, replay } = this;
    return { passes, total_ms, between_ms, weight_bytes, cache_bytes, stream, stages, layers, replay };
  }

  /**
   * Draws the profile: a bar a stage, or a bar a layer.
   *
   * @throws TypeError for another `by`, or an option that does not exist.
   * @throws Error for the layers of a profile in which none ran.
   * @example (await model.profile(() => model(input_ids))).plot({ by: "layer" });
   */
  plot(options: PlotProfileOptions = {}): Figure {
    checkOptions(options, { by: true, title: true }, "plot");
    const { by = "stage", title = "Where the time goes" } = options;
    if (by !== "stage" && by !== "layer")
      throw new TypeError(`Expected "stage" or "layer" for by but received ${inspect(by)}`);
    if (by === "layer" && this.layers.length === 0)
      throw new Error("Expected a profile in which layers ran, to plot it by layer");
    const { count, words } = this.#unit;
    const stages = [...this.stages.map(({ name, ms }) => ({ name, ms })), { name: between, ms: this.between_ms }];
    const rows = by === "stage" ? stages : this.layers.map(({ layer, ms }) => ({ name: `layer ${layer}`, ms }));
    const bars = rows.map(({ name, ms }) => ({
      value: Math.max(0, ms / count),
      text: percent(ms / this.total_ms),
      about: `${name}\nms${words} ${Math.max(0, ms / count).toPrecision(5)}`,
      colour: name === between ? palette.rest : palette.first,
    }));
    const x: Axis = { kind: "linear", name: `ms${words}` };
    const y: Axis = { kind: "category", labels: rows.map(({ name }) => name), monospace: true };
    return new Figure({
      title,
      heading: `${title}: ${this.#title()}`,
      panels: [{ x, y, marks: [{ mark: "bars", bars }] }],
    });
  }
}

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)}%`;
/** From this share of the stream on the memory is said to be the limit. */
const memoryBound = 0.6;

/** Models whose stages are being timed. */
const running = new WeakSet<NativeModel>();

/** See `Phi3ForCausalLM.profile`. */
export async function profile(native: NativeModel, fn: () => unknown, options: ProfileOptions = {}): Promise<Profile> {
  checkOptions(options, { stream: true, signal: true }, "profile");
  if (typeof fn !== "function")
    throw new TypeError(
      `Expected a function for profile, as () => model.generate(…), but received ${inspect(fn, { depth: 0 })}`,
    );
  const given = options.stream;
  if (given !== undefined && !(given > 0 && Number.isFinite(given)))
    throw new RangeError(`Expected bytes a second, > 0, for stream but received ${inspect(given)}`);
  if (running.has(native))
    throw new Error("Expected one profile of a model at a time, but another one is still running: await it first");
  running.add(native);
  try {
    const stream = given ?? (await native.stream());
    await native.startProfile();
    const start = performance.now();
    try {
      await unlessAborted(options.signal, fn);
    } catch (error) {
      await native.stopProfile().catch(() => {}); // a model that was disposed has nothing to stop
      throw error;
    }
    const total_ms = performance.now() - start;
    return new Profile(await native.stopProfile(), { total_ms, stream, device: native.device });
  } finally {
    running.delete(native);
  }
}
