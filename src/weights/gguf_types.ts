/** What a GGUF header consists of, and the numbers by which it names types. */
import { type WeightType, weightFormats, weightTypes } from "./formats";

/** A metadata array, decoded only when asked for: vocabularies are large and not everyone wants them. */
export interface GgufArray {
  readonly length: number;
  /** The elements, or undefined when they are not strings. */
  strings(): string[] | undefined;
  /** The elements, or undefined when they are not numbers (booleans count as 0 and 1). */
  numbers(): number[] | undefined;
}

/** A whole number that JavaScript's number cannot hold exactly stays a bigint. */
export type GgufValue = number | bigint | boolean | string | GgufArray;

/** F64 is a format of files alone: it becomes float32 at load. */
export type StoredType = WeightType | "F64";
export const storedFormats = { ...weightFormats, F64: { block: 1, bytes: 8, ggml: 28 } } as const;

export interface GgufTensor {
  name: string;
  /** Outermost first: the reverse of the file's order. */
  shape: number[];
  /** undefined: a format that is not run here. */
  type: StoredType | undefined;
  /** The format's name, or what is known of it. */
  format: string;
  /** Bytes from the file's start. */
  offset: number;
  /** 0 where the format is not known. */
  nbytes: number;
}

export interface Gguf {
  file: string;
  metadata: Map<string, GgufValue>;
  tensors: GgufTensor[];
}

/** ggml's type numbers that are run here. */
export const readable = new Map<number, StoredType>(
  ([...weightTypes, "F64"] as const).map((type) => [storedFormats[type].ggml, type]),
);

/** The others by name, for the error message; in brackets what has become of some. */
const foreign = new Map(
  (
    "4:Q4_2 (retired) 5:Q4_3 (retired) 9:Q8_1 15:Q8_K 16:IQ2_XXS 17:IQ2_XS 18:IQ3_XXS 19:IQ1_S 21:IQ3_S 22:IQ2_S " +
    "24:I8 25:I16 26:I32 27:I64 29:IQ1_M 31:Q4_0_4_4 (retired) 32:Q4_0_4_8 (retired) 33:Q4_0_8_8 (retired) 34:TQ1_0 " +
    "35:TQ2_0 36:IQ4_NL_4_4 (retired) 37:IQ4_NL_4_8 (retired) 38:IQ4_NL_8_8 (retired) 39:MXFP4 40:NVFP4 41:Q1_0"
  )
    .split(/ (?=\d)/)
    .map((pair) => pair.split(":"))
    .map(([number, name]) => [Number(number), name as string]),
);

/** The name of a ggml type that is not run here. */
export const foreignName = (number: number): string =>
  foreign.get(number) ?? `number ${number} of ggml's (unknown to this phi3lab)`;

/** Bytes of one metadata value by its type number; 0 where the size varies (string, array). */
export const valueSizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
export const STRING = 8;
export const ARRAY = 9;

/** One metadata value of fixed size. */
export function scalar(bytes: Buffer, type: number, at: number): number | bigint {
  switch (type) {
    case 0:
    case 7:
      return bytes.readUInt8(at);
    case 1:
      return bytes.readInt8(at);
    case 2:
      return bytes.readUInt16LE(at);
    case 3:
      return bytes.readInt16LE(at);
    case 4:
      return bytes.readUInt32LE(at);
    case 5:
      return bytes.readInt32LE(at);
    case 6:
      return bytes.readFloatLE(at);
    case 12:
      return bytes.readDoubleLE(at);
    default: {
      const value = type === 10 ? bytes.readBigUInt64LE(at) : bytes.readBigInt64LE(at);
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    }
  }
}
