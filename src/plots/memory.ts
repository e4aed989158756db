/** What keys and values take as a text grows: what is needed, and what is set aside. */
import { inspect } from "node:util";
import type { CacheMemory } from "../insight/results";
import { checkOptions } from "../options";
import { Figure } from "./figure";
import type { Bar, Panel, Plot } from "./plot";
import { bytesText } from "./said";
import { palette } from "./style";

/** The options of {@link plotMemory}. */
export interface PlotMemoryOptions {
  /** Default: `What keys and values take`. */
  title?: string;
}

/** A cache that can be asked: a {@link DynamicCache} can. */
export interface CacheLike {
  /** What it takes now. */
  memory(): CacheMemory;
}

/**
 * Draws the memory of keys and values. Of one state: what is needed beside what is set aside, and each layer's; of several,
 * in the order of a growing text: both as lines, the steps in which memory is set aside among them.
 *
 * @param memory A cache, what `past_key_values.memory()` gave, or a list of that.
 * @throws TypeError for anything else; RangeError for an empty list.
 * @example
 * const past_key_values = new DynamicCache();
 * await model.generate({ input_ids, max_new_tokens: 20, past_key_values });
 * plotMemory(past_key_values);
 * @example
 * const past_key_values = new DynamicCache();
 * const seen = [];
 * for (let i = 0; i < 3; i++) {
 *   await model.log_probs("All work and no play. ".repeat(15), { past_key_values, k: 0 });
 *   seen.push(past_key_values.memory());
 * }
 * plotMemory(seen);
 */
export function plotMemory(memory: CacheLike | CacheMemory | CacheMemory[], options: PlotMemoryOptions = {}): Figure {
  checkOptions(options, { title: true }, "plotMemory");
  const { title = "What keys and values take" } = options;
  const given = typeof (memory as CacheLike)?.memory === "function" ? (memory as CacheLike).memory() : memory;
  const states = (Array.isArray(given) ? given : [given]) as CacheMemory[];
  if (states.length === 0) throw new RangeError("Expected at least one state for plotMemory but received none");
  for (const state of states)
    if (typeof state?.committed !== "number" || typeof state.needed !== "number")
      throw new TypeError(
        `Expected what past_key_values.memory() gave for plotMemory but received ${inspect(state, { depth: 0 })}`,
      );
  const last = states.at(-1) as CacheMemory;
  const each = new Set(last.by_layer);
  const alike =
    each.size === 1 ? `, ${bytesText(last.by_layer[0] as number)} in each of ${last.by_layer.length} layers` : "";
  const caption = `${last.positions.toLocaleString("en-US")} positions of ${bytesText(last.per_position)} each need ${bytesText(last.needed)}${alike}; ${bytesText(last.committed)} are set aside for them`;
  const plot: Plot = {
    title,
    caption,
    panels: states.length > 1 ? [growth(states)] : alike ? [now(last)] : [now(last), layers(last)],
  };
  const rows = states.map((state) => [
    state.positions.toLocaleString("en-US"),
    state.needed.toLocaleString("en-US"),
    state.committed.toLocaleString("en-US"),
  ]);
  const table = { name: "The bytes as a table", head: ["positions", "needed", "set aside"], rows };
  return new Figure({ ...plot, table });
}

const mib = (bytes: number): number => bytes / 2 ** 20;

function now({ needed, committed }: CacheMemory): Panel {
  const bar = (bytes: number, colour: string): Bar => ({
    value: mib(bytes),
    text: bytesText(bytes),
    about: `${bytes.toLocaleString("en-US")} bytes`,
    colour,
  });
  return {
    x: { kind: "linear", name: "MiB" },
    y: { kind: "category", labels: ["needed", "set aside"] },
    marks: [{ mark: "bars", bars: [bar(needed, palette.first), bar(committed, palette.rest)] }],
  };
}

function layers({ by_layer }: CacheMemory): Panel {
  const columns = by_layer.map((bytes, layer) => ({
    x: layer,
    value: bytes / 1024,
    about: `layer ${layer}\n${bytes.toLocaleString("en-US")} bytes`,
  }));
  return {
    x: { kind: "linear", name: "layer", format: "whole", range: [-0.6, by_layer.length - 0.4] },
    y: { kind: "linear", name: "needed (KiB)" },
    marks: [{ mark: "columns", columns, width: 0.7, colour: palette.first }],
  };
}

function growth(states: readonly CacheMemory[]): Panel {
  const x = states.map(({ positions }) => positions);
  const line = (name: string, colour: string, bytes: number[], steps?: "before") => ({
    ...{ mark: "line" as const, x, y: bytes.map(mib), colour, series: name, label: name, steps },
    about: `{x} positions: {y:.2f} MiB ${name}`,
  });
  return {
    x: { kind: "linear", name: "positions", format: "whole" },
    y: { kind: "linear", name: "MiB" },
    // Between two states memory was set aside before it was needed.
    marks: [
      line(
        "set aside",
        palette.second,
        states.map(({ committed }) => committed),
        "before",
      ),
      line(
        "needed",
        palette.first,
        states.map(({ needed }) => needed),
      ),
    ],
  };
}
