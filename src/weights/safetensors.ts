/**
 * Reads the header of a safetensors file and checks every claim of it against the file's size: what it returns can be
 * mapped and read. The numbers themselves are not read. The format: https://github.com/huggingface/safetensors
 */
import { sizeOf } from "../tensor/shape";
import { quote, refuseLfsPointer, WeightsError } from "./error";
import { duplicateKey } from "./json";
import { isFlat, members, NotJson, parsed } from "./members";
import { openRegular } from "./regular";

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
  const handle = (await openRegular(file)) ?? fail("is not there");
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
    return parseSafetensors(file, header, size);
  } finally {
    await handle.close();
  }
}

/**
 * The tensors of a header.
 *
 * @param size The whole file's.
 * @throws WeightsError as {@link readSafetensors}.
 */
export function parseSafetensors(file: string, header: Buffer, size: number): SafeTensor[] {
  return new HeaderChecker(file, 8 + header.length, size).check(header);
}

/** A tensor as a header has it. */
interface Claim extends SafeTensor {
  /** Where it ends; `offset` is where it begins: from the numbers' start. */
  end: number;
}

/** Characters that a header may spend on a tensor, and on what it says of itself before that is only looked through. */
const longestEntry = 10_000;
const longestMetadata = 20_000;

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
    const claims = this.#claims(header);
    // A zero-sized tensor shares its offset with its neighbour and comes first.
    claims.sort((a, b) => a.offset - b.offset || a.end - b.end);
    let end = 0;
    for (const claim of claims) {
      if (this.dataStart + claim.end > this.size) {
        const message = `${this.file} has ${this.size} bytes, but the tensor ${quote(claim.name)} would end at byte ${this.dataStart + claim.end}: the file is truncated or damaged; download it again.`;
        throw new WeightsError(this.file, message);
      }
      if (claim.offset !== end)
        this.#damaged(`the tensor ${quote(claim.name)} begins at ${claim.offset} where ${end} is expected`);
      end = claim.end;
    }
    if (this.dataStart + end !== this.size) {
      this.#damaged(`${this.size - this.dataStart - end} bytes follow its last tensor`);
    }
    return claims.map(({ name, dtype, shape, offset }) => ({ name, dtype, shape, offset: this.dataStart + offset }));
  }

  #claims(header: Buffer): Claim[] {
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(header);
    } catch {
      return this.#damaged("its header is not UTF-8");
    }
    const claims: Claim[] = [];
    const names = new Set<string>();
    try {
      for (const [name, value] of members(text)) {
        if (names.has(name)) this.#damaged(`its header has ${quote(name)} twice`);
        names.add(name);
        if (name === "__metadata__") this.#metadata(value);
        else if (value.length > longestEntry)
          this.#damaged(`its header says nothing of use about the tensor ${quote(name)}`);
        else claims.push(this.#claim(name, parsed(value), value));
      }
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      const other = /^\s*(?:\[|null\s*$|true\s*$|false\s*$|"|[-\d])/.test(text);
      this.#damaged(other ? "its header is no JSON object" : "its header is not JSON");
    }
    return claims;
  }

  /** What a file says of itself, which nobody here reads: it only has to be JSON. */
  #metadata(value: string): void {
    if (value.length > longestMetadata) {
      if (!isFlat(value)) this.#damaged("its __metadata__ is no object of texts");
      return;
    }
    parsed(value);
    const twice = duplicateKey(value);
    if (twice !== undefined) this.#damaged(`its header has ${quote(twice)} twice`);
  }

  #claim(name: string, value: unknown, text: string): Claim {
    const quoted = quote(name);
    const twice = duplicateKey(text);
    if (twice !== undefined) this.#damaged(`its header has ${quote(twice)} twice`);
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
    const nbytes = (sizes[dtype] as number) * sizeOf(shape);
    if (to - from !== nbytes) {
      const expected = `${dtype} and [${shape.join(", ")}] make ${nbytes}`;
      this.#damaged(`the tensor ${quoted} takes ${to - from} bytes where ${expected}`);
    }
    return { name, dtype, shape, offset: from, end: to };
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
