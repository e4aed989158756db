/**
 * Reads the header of a safetensors file and checks every claim of it against the file's size: what it returns can be
 * mapped and read. The numbers themselves are not read. The format: https://github.com/huggingface/safetensors
 */
import { open } from "node:fs/promises";
import { quote, refuseLfsPointer, WeightsError } from "./error";

/** One tensor of a safetensors file; `offset` counts from the file's start. */
export interface SafeTensor {
  name: string;
  /** By safetensors' name: what of it is computed with is checkpoint.ts' to say. */
  dtype: string;
  /** Outermost first. */
  shape: number[];
  offset: number;
}

/** Bytes of one number by safetensors' dtype name. */
const sizes: Record<string, number> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  C64: 8,
};

/** safetensors' own limit. */
const largestHeader = 100_000_000;

/**
 * Reads the header of a safetensors file.
 *
 * @throws WeightsError when the file is no safetensors file, is damaged or truncated, or has a dtype that nobody knows.
 * @example const tensors = await readSafetensors("model.safetensors");
 */
export async function readSafetensors(file: string): Promise<SafeTensor[]> {
  const fail = (what: string): never => {
    throw new WeightsError(file, `${file} ${what}.`);
  };
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) =>
    fail(`cannot be opened (${error.code ?? error.message})`),
  );
  try {
    const { size } = await handle.stat();
    const length = Buffer.alloc(8);
    if (size < 10 || (await handle.read(length, 0, 8, 0)).bytesRead < 8)
      fail(`is no safetensors file: it has ${size} bytes`);
    refuseLfsPointer(file, length.toString("latin1"));
    const headerLength = Number(length.readBigUInt64LE());
    if (headerLength > largestHeader) fail("is no safetensors file, or a damaged one: its header would exceed 100 MB");
    if (8 + headerLength > size) fail(`ends inside its header: it is truncated or damaged; download it again`);
    const header = Buffer.alloc(headerLength);
    if ((await handle.read(header, 0, headerLength, 8)).bytesRead < headerLength) fail("changed while it was read");
    return new HeaderChecker(file, 8 + headerLength, size).check(header);
  } finally {
    await handle.close();
  }
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

class HeaderChecker {
  constructor(
    readonly file: string,
    readonly dataStart: number,
    readonly size: number,
  ) {}

  #damaged(what: string): never {
    throw new WeightsError(this.file, `${this.file} is damaged: ${what}; download it again.`);
  }

  check(header: Buffer): SafeTensor[] {
    const entries = this.#parse(header);
    const ordered: { name: string; entry: HeaderEntry }[] = [];
    for (const [name, value] of Object.entries(entries)) {
      if (name !== "__metadata__") ordered.push({ name, entry: this.#entry(name, value) });
    }
    // A zero-sized tensor shares its offset with its neighbour and comes first.
    ordered.sort(
      (a, b) => a.entry.data_offsets[0] - b.entry.data_offsets[0] || a.entry.data_offsets[1] - b.entry.data_offsets[1],
    );
    let end = 0;
    for (const { name, entry } of ordered) {
      const [from, to] = entry.data_offsets;
      if (this.dataStart + to > this.size) {
        const message = `${this.file} has ${this.size} bytes, but the tensor ${quote(name)} would end at byte ${this.dataStart + to}: the file is truncated or damaged; download it again.`;
        throw new WeightsError(this.file, message);
      }
      if (from !== end) this.#damaged(`the tensor ${quote(name)} begins at ${from} where ${end} is expected`);
      end = to;
    }
    if (this.dataStart + end !== this.size) {
      this.#damaged(`${this.size - this.dataStart - end} bytes follow its last tensor`);
    }
    return ordered.map(({ name, entry: { dtype, shape, data_offsets } }) => {
      return { name, dtype, shape, offset: this.dataStart + data_offsets[0] };
    });
  }

  #parse(header: Buffer): Record<string, unknown> {
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(header);
    } catch {
      return this.#damaged("its header is not UTF-8");
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#damaged("its header is not JSON");
    }
    if (!isObject(value)) this.#damaged("its header is no JSON object");
    const twice = duplicateKey(text);
    if (twice !== undefined) this.#damaged(`its header has ${quote(twice)} twice`);
    return value;
  }

  #entry(name: string, value: unknown): HeaderEntry {
    const quoted = quote(name);
    if (!isObject(value)) this.#damaged(`its header says nothing of use about the tensor ${quoted}`);
    const { dtype, shape, data_offsets } = value;
    if (typeof dtype !== "string" || !Object.hasOwn(sizes, dtype)) {
      this.#damaged(`the tensor ${quoted} has the unknown dtype ${quote(String(dtype))}`);
    }
    if (!isCounts(shape)) this.#damaged(`the tensor ${quoted} has the shape ${short(shape)}`);
    if (!isCounts(data_offsets) || data_offsets.length !== 2) {
      this.#damaged(`the tensor ${quoted} has the offsets ${short(data_offsets)}`);
    }
    const [from, to] = data_offsets as [number, number];
    const nbytes = shape.reduce((product, count) => product * count, sizes[dtype] as number);
    if (to - from !== nbytes) {
      const expected = `${dtype} and [${shape.join(", ")}] make ${nbytes}`;
      this.#damaged(`the tensor ${quoted} takes ${to - from} bytes where ${expected}`);
    }
    return { dtype, shape, data_offsets: [from, to] };
  }
}

/** A JSON value for a message. */
function short(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 100 ? `${json.slice(0, 100)}…` : json;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}

/** The first key that an object anywhere in valid JSON text has twice; JSON.parse would keep the last in silence. */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [found, colon] = match;
    if (found === "{") open.push(new Set());
    else if (found === "[") open.push(undefined);
    else if (found === "}" || found === "]") open.pop();
    else if (colon !== undefined) {
      const quoted = found.slice(0, found.lastIndexOf('"') + 1);
      const key = JSON.parse(quoted) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
