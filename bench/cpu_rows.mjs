/** The rows of `npm run bench -- cpu`: what is measured, beside which peers, and what is aimed at on two cores. */
import { llama, transformers, transformersJs } from "./peers.mjs";

const decode = { prompt: 24, decode: 100 };
const prefill = (prompt) => ({ prompt, decode: 0 });
const late = { work: { prompt: 980, decode: 41 }, against: { words: "of its speed at 100", work: decode }, times: 3 };

/** Peers by name: what of `copies` (peers.mjs) they run, for a row of these weights. */
const peers = {
  llama: ({ weights, model, copies, threads }) =>
    [...new Set([1, threads])].map((count) => ({
      name: `llama.cpp, ${count} thread${count > 1 ? "s" : ""}`,
      launch: llama(weights === "file" ? model : copies.gguf[weights], count),
    })),
  float32: ({ copies }) => [{ name: "transformers float32", launch: transformers(copies.folder.F32, "float32") }],
  bfloat16: ({ copies }) => [{ name: "transformers bfloat16", launch: transformers(copies.folder.BF16, "bfloat16") }],
  jsFp32: ({ copies }) => [{ name: "transformers.js fp32", launch: transformersJs(copies.folder.onnx, "fp32") }],
  jsQ8: ({ copies }) => [{ name: "transformers.js q8", launch: transformersJs(copies.folder.onnx, "q8") }],
};

/** What the peers of a row are; none where there are no copies of the model. */
export const peersOf = (row, { model, copies, threads }) =>
  copies ? (row.peers ?? []).flatMap((name) => peers[name]({ weights: row.weights, model, copies, threads })) : [];

/** The path of a row's weights for us; undefined where there are no copies of the model. */
export const weightsOf = ({ weights }, { model, copies }) =>
  weights === "file" ? model : weights === "Q8_0" ? copies?.gguf.Q8_0 : copies?.folder[weights];

/**
 * Rates: `work` on `weights`, by from_pretrained with `options`, on the fastest path or the one that `path` names.
 * `against`: the same on the fastest path with other work or options, which the figure is a share of. `times`: how often
 * the rounds are gone through, for speeds that differ by little; 1.
 */
export const rateRows = [
  {
    name: "decode",
    title: "decode, the file as shipped, 24 + 100 tokens",
    weights: "file",
    work: decode,
    peers: ["llama"],
    target: "4 × llama.cpp; 80% of the stream",
    floor: "3 ×",
  },
  {
    name: "decode-q8_0",
    title: "decode, Q8_0",
    weights: "Q8_0",
    work: decode,
    peers: ["llama", "jsQ8"],
    target: "2.4 ×",
    floor: "1.9 ×",
  },
  {
    name: "decode-bf16",
    title: "decode, bfloat16 safetensors",
    weights: "BF16",
    work: decode,
    peers: ["llama", "bfloat16"],
    target: "1.5 ×",
    floor: "1.25 ×",
  },
  {
    name: "decode-f32",
    title: "decode, float32 safetensors",
    weights: "F32",
    work: decode,
    peers: ["llama", "float32", "jsFp32"],
    target: "1.4 ×",
    floor: "1.2 ×",
  },
  {
    name: "positions",
    title: "decode at 1,000 positions, the file",
    weights: "file",
    ...late,
    target: "80% of its speed at 100",
    floor: "70%",
  },
  {
    name: "positions-float16",
    title: 'decode at 1,000 positions, the file, kv_dtype: "float16"',
    weights: "file",
    options: { kv_dtype: "float16" },
    ...late,
  },
  ...[24, 128, 512].map((tokens) => ({
    name: `prefill-${tokens}`,
    title: `prefill ${tokens}, exact, the file`,
    weights: "file",
    work: prefill(tokens),
    peers: ["llama", "float32", "bfloat16", "jsFp32"],
    target: `75% of the peak${tokens === 512 ? "; 1.5 × transformers float32; 2.4 × llama.cpp" : ""}`,
    floor: `65%${tokens === 512 ? "; 1.3 ×; 2 ×" : ""}`,
  })),
  {
    name: "prefill-bf16",
    title: 'prefill 512, compute: "bfloat16"',
    weights: "BF16",
    options: { compute: "bfloat16" },
    work: prefill(512),
    peers: ["bfloat16"],
    target: "1.4 × transformers bfloat16",
    floor: "1.15 ×",
  },
  {
    name: "threads",
    title: "decode on one thread, the file",
    weights: "file",
    options: { threads: 1 },
    work: decode,
    against: { words: "of all threads'", options: {}, work: decode },
    times: 3,
    target: "70% of the two-thread decode",
    floor: "60%",
  },
  ...["avx512", "avx2"].flatMap((path) => [
    {
      name: `decode-${path}`,
      title: `decode, the file, in float32 by ${path}`,
      weights: "file",
      path,
      work: decode,
      against: { words: "of the fastest path's", work: decode },
    },
    {
      name: `prefill-${path}`,
      title: `prefill 512, the file, in float32 by ${path}`,
      weights: "file",
      path,
      work: prefill(512),
      against: { words: "of the fastest path's", work: prefill(512) },
    },
  ]),
];

/** The rest, which bench/cpu_costs.mjs measures, each in its own way. */
export const costRows = [
  {
    name: "cell",
    title: "24 + 100 tokens from a notebook cell",
    target: "1.05 × the C++ figure",
    floor: "1.1 ×",
  },
  {
    name: "memory",
    title: "resident memory that loading and 24 + 100 tokens add, the file",
    target: "1.15 × weights, + keys and values + 20 MiB",
    floor: "+ 50 MiB",
  },
  { name: "load", title: "load to first token, the file in the page cache", target: "0.25 s", floor: "0.4 s" },
  { name: "turns", title: "the second turn of a chat, to its first token", target: "the share of its new tokens" },
  { name: "idle", title: "processor time of an idle notebook over 10 s", target: "1%", floor: "1%" },
  {
    name: "neighbour",
    title: "decode beside a process that burns one core",
    target: "35% of the speed alone",
    floor: "35%",
  },
];
