/**
 * Which of a repository's (or a folder's) GGUF files is meant: by the name of its quantisation, as llama.cpp's `-hf`
 * takes it, or by the rule where none was named.
 */
import { basename } from "node:path";
import { partNames } from "../weights";

/** What is taken where no quantisation was named, the first that there is. */
export const usual = ["Q4_K_M", "q4"] as const;

/** A choice: a file, with the parts that it is split into; or the end of a sentence that says why there is none. */
export type GgufChoice = { file: string; parts: string[] } | { problem: string };

const split = /-(\d{5})-of-(\d{5})\.gguf$/i;

/** The files that a GGUF file is split into, itself among them; one alone: itself. */
export function ggufParts(file: string): string[] {
  const [tail, , count] = split.exec(file) ?? [];
  if (tail === undefined || count === undefined) return [file];
  return partNames(file.slice(0, -tail.length), count, tail.slice(-".gguf".length));
}

/** The models among a folder's files: split ones by their first part, without what belongs to a model. */
export function ggufModels(names: readonly string[]): string[] {
  return names.filter((name) => {
    const part = split.exec(name)?.[1];
    if (!/\.gguf$/i.test(name) || (part !== undefined && Number(part) !== 1)) return false;
    return !/^mmproj|imatrix/i.test(basename(name)); // what looks at pictures; what a quantiser counted
  });
}

/**
 * Chooses among a repository's files.
 *
 * @param tag The name of a quantisation, in any case ("q4_k_m"); undefined: Q4_K_M, else q4, else the only file.
 */
export function chooseGguf(names: readonly string[], tag?: string): GgufChoice {
  const models = ggufModels(names).sort();
  const made = (file: string): GgufChoice => ({ file, parts: ggufParts(file) });
  const listed = models.map((name) => basename(name)).join(", ");
  for (const wanted of tag === undefined ? usual : [tag]) {
    const [one, ...others] = models.filter((name) => hasTag(name, wanted));
    if (one === undefined) continue;
    if (others.length === 0) return made(one);
    return { problem: `has several GGUF files of ${wanted}; choose one as gguf_file: ${[one, ...others].join(", ")}` };
  }
  const [only, ...others] = models;
  if (only === undefined) return { problem: "has no GGUF file" };
  if (tag !== undefined) return { problem: `has no GGUF file of ${tag}; it has ${listed}` };
  if (others.length === 0) return made(only);
  return {
    problem: `has ${models.length} GGUF files; name one's quantisation behind a colon, or choose one as gguf_file: ${listed}`,
  };
}

/** Whether a quantisation's name stands in a file's (or its folder's) name, whole: q4 is no part of Q4_K_M. */
function hasTag(file: string, tag: string): boolean {
  const name = file
    .toLowerCase()
    .replace(split, "")
    .replace(/\.gguf$/, "");
  const wanted = tag.toLowerCase();
  // m_q4_0.gguf is of q4_0, though m-IQ4_XS.gguf is not of XS.
  const borders = /^[a-z]+\d/.test(wanted) ? "-._/" : "-./";
  for (let at = name.indexOf(wanted); at >= 0; at = name.indexOf(wanted, at + 1)) {
    const before = name[at - 1];
    const after = name[at + wanted.length];
    if ((before === undefined || borders.includes(before)) && (after === undefined || "-./".includes(after)))
      return true;
  }
  return false;
}
