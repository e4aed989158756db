/**
 * Reads the header of a GGUF file (version 2 or 3, little-endian): metadata and the table of tensors, every number of
 * it checked against the file's size, so that nothing that follows can be led astray by a damaged file. The numbers of
 * the tensors are not read. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import type { FileHandle } from "node:fs/promises";
import { sizeOf } from "../tensor/shape";
import { refuseLfsPointer, WeightsError } from "./error";
import {
  ARRAY,
  foreignName,
  type Gguf,
  type GgufArray,
  type GgufTensor,
  type GgufValue,
  readable,
  STRING,
  scalar,
  storedFormats,
  valueSizes,
} from "./gguf_types";
import { openRegular } from "./regular";

/** Headers grow with the vocabulary: 2 MB for 49,152 tokens, 11 MB for 262,144. More than this is damage. */
const largestHeader = 256 * 2 ** 20;
const firstRead = 4 * 2 ** 20;
/** Models have some hundreds or thousands of tensors, and some tens of entries. */
const mostTensors = 100_000;
const mostEntries = 65_536;

/** Thrown inside when the header goes on behind the bytes read so far. */
class MoreBytes {
  constructor(readonly upTo: number) {}
}

/**
 * Reads the header of a GGUF file.
 *
 * @throws WeightsError when the file is not GGUF, is damaged or truncated.
 * @example const { metadata, tensors } = await readGguf("SmolLM2-135M-Instruct.Q4_1.gguf");
 */
export async function readGguf(file: string): Promise<Gguf> {
  const handle = await openRegular(file);
  if (handle === undefined) throw new WeightsError(file, `There is no model file ${file}.`);
  try {
    const { size } = await handle.stat();
    let length = Math.min(size, firstRead);
    for (;;) {
      const bytes = await readStart(handle, length);
      try {
        return new HeaderReader(file, bytes, size).read();
      } catch (error) {
        if (!(error instanceof MoreBytes)) throw error;
        if (error.upTo > size || bytes.length < length) throw endsInside(file);
        if (error.upTo > largestHeader) {
          throw new WeightsError(
            file,
            `${file} claims a header of more than 256 MiB: it is damaged; download it again.`,
          );
        }
        length = Math.min(size, Math.max(error.upTo, 2 * length));
      }
    }
  } finally {
    await handle.close();
  }
}

/**
 * The header that a file begins with.
 *
 * @param bytes The file, or as much of it as holds the header.
 * @param size The whole file's.
 * @throws WeightsError as {@link readGguf}.
 */
export function parseGguf(file: string, bytes: Buffer, size = bytes.length): Gguf {
  try {
    return new HeaderReader(file, bytes, size).read();
  } catch (error) {
    throw error instanceof MoreBytes ? endsInside(file) : error;
  }
}

const endsInside = (file: string): WeightsError =>
  new WeightsError(file, `${file} ends inside its header: the file is truncated or damaged; download it again.`);

async function readStart(handle: FileHandle, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

class HeaderReader {
  #at = 0;

  constructor(
    readonly file: string,
    readonly bytes: Buffer,
    readonly size: number,
  ) {}

  #fail(what: string): never {
    throw new WeightsError(this.file, `${this.file} ${what}.`);
  }

  #damaged(what: string): never {
    this.#fail(`is damaged: ${what}; download it again`);
  }

  /** Moves on by `count` bytes and gives where they begin. */
  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.bytes.length) throw new MoreBytes(at + count);
    this.#at = at + count;
    return at;
  }

  #uint32(): number {
    return this.bytes.readUInt32LE(this.#take(4));
  }

  /** A size or count; what exceeds the file cannot be true of anything in it. */
  #uint64(what: string): number {
    const at = this.#take(8);
    const value = this.bytes.readUInt32LE(at) + this.bytes.readUInt32LE(at + 4) * 2 ** 32;
    if (value > this.size) this.#damaged(`it claims ${what} of ${value} in a file of ${this.size} bytes`);
    return value;
  }

  #count(what: string, most: number): number {
    const count = this.#uint64(`a number of ${what}`);
    if (count > most) this.#damaged(`it claims ${count} ${what}, of which files have ${most} at most`);
    return count;
  }

  /** A key or a tensor's name: printable ASCII, as the format wants it, so that messages may show it. */
  #name(what: string): string {
    const name = this.#string(what);
    if (!/^[ -~]{0,255}$/.test(name)) this.#damaged(`${what} is no plain text`);
    return name;
  }

  #string(what: string): string {
    const length = this.#uint64(`${what} with a length`);
    const at = this.#take(length);
    return this.bytes.toString("utf8", at, at + length);
  }

  read(): Gguf {
    if (this.size < 24) this.#fail(`is no GGUF file: it has only ${this.size} bytes`);
    refuseLfsPointer(this.file, this.bytes.toString("latin1", 0, 24));
    const magic = this.bytes.toString("latin1", this.#take(4), 4);
    if (magic !== "GGUF") this.#fail(`is no GGUF file: it begins with ${JSON.stringify(magic)}, not "GGUF"`);
    const version = this.#uint32();
    if (version === 0x02000000 || version === 0x03000000) {
      this.#fail(
        "is a big-endian GGUF file; expected a little-endian one (convert it with gguf-py's gguf_convert_endian)",
      );
    }
    if (version !== 2 && version !== 3) this.#fail(`is GGUF version ${version}; expected version 2 or 3`);
    const tensorCount = this.#count("tensors", mostTensors);
    const metadataCount = this.#count("metadata entries", mostEntries);
    const metadata = new Map<string, GgufValue>();
    for (let i = 0; i < metadataCount; i++) {
      const key = this.#name("a metadata key");
      if (metadata.has(key)) this.#damaged(`the metadata key ${JSON.stringify(key)} occurs twice`);
      metadata.set(key, this.#value(this.#uint32(), key));
    }
    return { file: this.file, metadata, tensors: this.#tensors(tensorCount, this.#alignment(metadata)) };
  }

  #value(type: number, key: string): GgufValue {
    switch (type) {
      case STRING:
        return this.#string(`the value of ${key}`);
      case ARRAY:
        return this.#array(key);
      default: {
        const size = valueSizes[type];
        if (size === undefined) this.#damaged(`the metadata value ${key} has the unknown type ${type}`);
        const at = this.#take(size);
        return type === 7 ? this.bytes[at] !== 0 : scalar(this.bytes, type, at);
      }
    }
  }

  #array(key: string): GgufArray {
    const type = this.#uint32();
    const length = this.#uint64(`an array ${key} with a length`);
    const { bytes } = this;
    if (type === STRING) {
      // Every string takes 8 bytes at least: a false length is found before memory is taken for it.
      if (length * 8 > Math.min(this.size, largestHeader)) this.#damaged(`it claims ${length} strings in ${key}`);
      const starts = new Uint32Array(length + 1);
      for (let i = 0; i < length; i++) {
        const stringLength = this.#uint64(`a string of ${key} with a length`);
        starts[i] = this.#take(stringLength);
      }
      // The next string begins behind the 8 bytes of its length, so the end of one is known from the start of the next.
      starts[length] = this.#at + 8;
      const strings = () =>
        Array.from({ length }, (_, i) => bytes.toString("utf8", starts[i], (starts[i + 1] as number) - 8));
      return { length, strings, numbers: () => undefined };
    }
    const size = valueSizes[type];
    if (!size) this.#damaged(`the elements of the array ${key} have the unknown or nested type ${type}`);
    const at = this.#take(size * length);
    const numbers = () => Array.from({ length }, (_, i) => Number(scalar(bytes, type, at + i * size)));
    return { length, strings: () => undefined, numbers };
  }

  #alignment(metadata: Map<string, GgufValue>): number {
    const alignment = metadata.get("general.alignment") ?? 32;
    if (typeof alignment !== "number" || alignment < 8 || alignment > 2 ** 20 || Math.log2(alignment) % 1 !== 0) {
      this.#damaged(`general.alignment is ${String(alignment)}, no power of two from 8 on`);
    }
    return alignment;
  }

  #tensors(count: number, alignment: number): GgufTensor[] {
    const tensors: GgufTensor[] = [];
    const names = new Set<string>();
    for (let i = 0; i < count; i++) {
      const name = this.#name("a tensor name");
      if (names.has(name)) this.#damaged(`the tensor ${JSON.stringify(name)} occurs twice`);
      names.add(name);
      const shape = this.#shape(name);
      const number = this.#uint32();
      const offset = this.#uint64(`the tensor ${name} at an offset`);
      if (offset % alignment !== 0)
        this.#damaged(`the tensor ${name} begins at ${offset}, no multiple of ${alignment}`);
      const type = readable.get(number);
      if (!type) {
        tensors.push({ name, shape, type, format: foreignName(number), offset, nbytes: 0 });
        continue;
      }
      const { block, bytes } = storedFormats[type];
      const row = shape.at(-1) as number;
      if (row % block !== 0) {
        this.#damaged(`the rows of the tensor ${name} have ${row} numbers, no multiple of ${type}'s ${block}`);
      }
      tensors.push({ name, shape, type, format: type, offset, nbytes: (sizeOf(shape) / block) * bytes });
    }
    const start = Math.ceil(this.#at / alignment) * alignment;
    for (const tensor of tensors) tensor.offset += start;
    this.#checkRanges(tensors);
    return tensors;
  }

  #shape(name: string): number[] {
    const rank = this.#uint32();
    if (rank < 1 || rank > 4) this.#damaged(`the tensor ${name} has ${rank} dimensions`);
    const shape = Array.from({ length: rank }, () => this.#uint64(`the tensor ${name} with a dimension`)).reverse();
    // No product of four numbers below the file's size can overflow a double to infinity; a wrong one fails below.
    if (shape.includes(0)) this.#damaged(`the tensor ${name} has the shape [${shape.join(", ")}]`);
    return shape;
  }

  #checkRanges(tensors: GgufTensor[]): void {
    let end = 0;
    let previous = "";
    for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset)) {
      if (tensor.offset + tensor.nbytes > this.size) {
        const needed = `the tensor ${tensor.name} would end at byte ${tensor.offset + tensor.nbytes}`;
        this.#fail(`has ${this.size} bytes, but ${needed}: the file is truncated or damaged; download it again`);
      }
      if (tensor.offset < end) this.#damaged(`the tensors ${previous} and ${tensor.name} overlap`);
      end = tensor.offset + tensor.nbytes;
      previous = tensor.name;
    }
  }
}
