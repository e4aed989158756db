/** `%gpu`: the GPUs, their memory, how busy they are, and what the session's models hold of it. */
import { spawnSync } from "node:child_process";
import type { CudaDevice, Devices } from "../../src/devices";
import type { Magic, SessionVariable } from "../../src/magic";
import { tableText } from "../../src/table";

/** How busy a GPU is, as its driver's program says. */
export interface Use {
  /** In percent of the time. */
  busy: string;
  /** In degrees Celsius. */
  temperature: string;
  /** In watts. */
  power: string;
}

export const gpu: Magic = {
  name: "gpu",
  kinds: ["line"],
  summary: "Shows the GPUs: their memory, how busy they are, and what the session's models hold; or why there is none.",
  example: "%gpu",
  async run(context) {
    const { devices } = require("../../src/devices") as typeof import("../../src/devices");
    const list = devices();
    const use = list.some(({ type }) => type === "cuda") ? queryUse() : new Map();
    context.write("stdout", `${report(list, use, context.names()).join("\n")}\n`);
    return undefined;
  },
};

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** The lines that are printed. */
export function report(devices: Devices, use: Map<number, Use>, names: readonly SessionVariable[]): string[] {
  const gpus = devices.filter((device): device is CudaDevice => device.type === "cuda");
  const held = models(names);
  if (gpus.length === 0) return [`No GPU: ${devices.cuda_problem}`, ...held];
  const head = ["device", "name", "memory used", "", "busy", "temperature", "power"];
  const rows = gpus.map(({ index, name, memory_total, memory_free }) => {
    const taken = memory_total - memory_free;
    const { busy, temperature, power } = use.get(index) ?? { busy: "", temperature: "", power: "" };
    const blocks = Math.round((20 * taken) / memory_total);
    const bar = `${"█".repeat(blocks)}${"░".repeat(20 - blocks)}`;
    const memory = `${gib(taken)} of ${gib(memory_total)}`;
    return [
      `cuda:${index}`,
      name,
      memory,
      bar,
      busy && `${busy}%`,
      temperature && `${temperature} °C`,
      power && `${power} W`,
    ];
  });
  const shown = use.size > 0 ? [head, ...rows] : [head, ...rows].map((row) => row.slice(0, 4));
  return [...tableText({ rows: shown }), ...held];
}

/** A line for each model that a variable holds. */
function models(names: readonly SessionVariable[]): string[] {
  return names.flatMap(({ name, value }) => {
    const model = value as { memory?: () => { total?: unknown }; device?: unknown } | null | undefined;
    try {
      const total = typeof model?.memory === "function" ? model.memory().total : undefined;
      return typeof total === "number" ? [`${name}: ${gib(total)} on ${String(model?.device)}`] : [];
    } catch {
      return []; // It was disposed.
    }
  });
}

/** By the GPU's number; empty where the driver's program is missing or says something else. */
function queryUse(): Map<number, Use> {
  const fields = "index,utilization.gpu,temperature.gpu,power.draw";
  const { stdout } = spawnSync("nvidia-smi", [`--query-gpu=${fields}`, "--format=csv,noheader,nounits"], {
    encoding: "utf8",
    timeout: 2000,
  });
  return readUse(stdout ?? "");
}

/** @param table nvidia-smi's answer, a line a GPU: `0, 35, 41, 118.20` */
export function readUse(table: string): Map<number, Use> {
  const known = (text = ""): string => (/^[\d.]+$/.test(text) ? text : "");
  const rows = table.split("\n").map((line) => line.split(",").map((field) => field.trim()));
  return new Map(
    rows
      .filter(([index = ""]) => /^\d+$/.test(index))
      .map(([index, busy, temperature, power]) => [
        Number(index),
        { busy: known(busy), temperature: known(temperature), power: known(power) },
      ]),
  );
}
