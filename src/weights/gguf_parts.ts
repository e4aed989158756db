/**
 * A model in GGUF as a whole: one file, or the parts that llama.cpp's gguf-split makes of one
 * (`name-00001-of-00003.gguf`), whichever of them is named. The first part has the metadata.
 */
import { basename, dirname, join } from "node:path";
import type { WeightPart } from "../native";
import { refusal } from "./error";
import { readGguf } from "./gguf";
import { type Gguf, type GgufTensor, readable } from "./gguf_types";
import { fiveDigits, isThere, partNames } from "./weight_files";

/** A model's parts as one: `file` is the first of them. */
export interface GgufModel extends Gguf {
  /** Every part, in their order. */
  files: string[];
  tensors: (GgufTensor & { file: number })[];
}

/** The paths of all parts, by the name of one; undefined where it is not named as a part. */
function siblings(file: string): { paths: string[]; index: number } | undefined {
  const [, stem, number, count] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(basename(file)) ?? [];
  if (stem === undefined || count === undefined) return undefined;
  const paths = partNames(stem, count, ".gguf").map((name) => join(dirname(file), name));
  return { paths, index: Number(number) - 1 };
}

/** How many parts a file says that its model has, and which of them it is, from 0 on. */
function placeOf({ metadata }: Gguf): { count: number; index: number; tensors: number | undefined } {
  const number = (key: string): number | undefined => {
    const value = metadata.get(key);
    return typeof value === "number" ? value : undefined;
  };
  return {
    count: number("split.count") ?? 1,
    index: number("split.no") ?? 0,
    tensors: number("split.tensors.count"),
  };
}

const part = (index: number, count: number): string => `part ${index + 1} of ${count}`;

/** The paths of a model's parts, of which `gguf` is one. */
function partsOf(gguf: Gguf): string[] {
  const fail = refusal(gguf.file);
  const { count, index } = placeOf(gguf);
  if (count <= 1) return [gguf.file];
  const named = siblings(gguf.file);
  if (!named) {
    const example = `model-${fiveDigits(index + 1)}-of-${fiveDigits(count)}.gguf`;
    return fail(`is ${part(index, count)} of a model; expected a name like ${example}, by which the others are found`);
  }
  if (named.paths.length !== count || named.index !== index) {
    const says = part(named.index, named.paths.length);
    return fail(`is ${part(index, count)} of a model, but its name says ${says}: give it its own name back`);
  }
  return named.paths;
}

/**
 * Reads the headers of all parts of a model, each checked against what the others say.
 *
 * @param file Any one of the parts, or a file that is the whole model.
 * @param onFile Called as each part's header has been read.
 * @throws WeightsError when a part is missing, damaged, or of another model.
 */
export async function readGgufModel(file: string, onFile?: (done: number, total: number) => void): Promise<GgufModel> {
  const given = await readGguf(file);
  const files = partsOf(given);
  const [first = file] = files;
  const fail = refusal(file);
  const missing: string[] = [];
  for (const path of files) if (!(await isThere(path))) missing.push(basename(path));
  if (missing.length > 0) {
    const needs = `is one of ${files.length} parts of a model, and ${dirname(file)} lacks ${missing.join(", ")}`;
    fail(
      `${needs}: download ${missing.length > 1 ? "them" : "it"}, or copy ${missing.length > 1 ? "them" : "it"} there`,
    );
  }
  const parts: Gguf[] = [];
  for (const path of files) {
    parts.push(path === file ? given : await readGguf(path));
    onFile?.(parts.length, files.length);
  }
  const tensors = new Map<string, GgufTensor & { file: number }>();
  for (const [index, gguf] of parts.entries()) {
    const { count, index: said } = placeOf(gguf);
    if (files.length > 1 && (count !== files.length || said !== index)) {
      const expected = `expected ${part(index, files.length)} as its name and ${basename(first)} say`;
      refusal(gguf.file)(`says that it is ${part(said, count)} of a model; ${expected}`);
    }
    for (const tensor of gguf.tensors) {
      const other = tensors.get(tensor.name);
      if (other) {
        const where = basename(files[other.file] as string);
        refusal(gguf.file)(`holds the tensor ${tensor.name}, which ${where} holds too: they are of different models`);
      }
      tensors.set(tensor.name, { ...tensor, file: index });
    }
  }
  const [head = given] = parts;
  const { tensors: expected = tensors.size } = placeOf(head);
  if (files.length > 1 && expected !== tensors.size) {
    refusal(first)(
      `says that its ${files.length} parts hold ${expected} tensors, but they hold ${tensors.size}: they are of different models, or damaged`,
    );
  }
  return { file: first, files, metadata: head.metadata, tensors: [...tensors.values()] };
}

/**
 * Reads the header that has a model's metadata: the first part's, whichever part is named. The others may be missing.
 *
 * @throws WeightsError when it is missing or damaged.
 */
export async function readGgufMetadata(file: string): Promise<Gguf> {
  const gguf = await readGguf(file);
  const [first = file] = partsOf(gguf);
  return first === file ? gguf : readGguf(first);
}

/**
 * A model's tensors as the native half reads them.
 *
 * @throws WeightsError that names the formats among them that are not run here.
 */
export function runnable({ file, tensors }: GgufModel): WeightPart[] {
  const foreign = new Set<string>();
  const parts = tensors.flatMap(({ name, type, shape, offset, file, format }): WeightPart[] => {
    const where = { name, shape, file, offset };
    if (type === "F64") return [{ ...where, type: "F32", conversion: { stored: "F64" } }];
    if (type !== undefined) return [{ ...where, type }];
    foreign.add(format);
    return [];
  });
  if (foreign.size > 0) {
    const found = `holds tensors in ${[...foreign].join(", ")}, which phi3lab does not run`;
    refusal(file)(
      `${found}; expected only ${[...readable.values()].join(", ")}: take another quantisation of the model`,
    );
  }
  return parts;
}
