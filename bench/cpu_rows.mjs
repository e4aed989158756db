/** The rows of `npm run bench -- cpu`: what is measured, beside which peers, and what is aimed at on two cores. */
import { llama, transformers, transformersJs } from "./peers.mjs";

const decode = { prompt: 24, decode: 100 };
const prefill = (prompt) => ({ prompt, decode: 0, repeats: prompt <= 128 ? 4 : 1 });
// Of Phi-3-mini's shape, whose tokens take thirty times as long.
const decodeFew = { prompt: 24, decode: 24 };
const late = { work: { prompt: 980, decode: 41 }, against: { words: "of its speed at 100", work: decode }, times: 3 };

const withThreads = (file, count) => ({
  name: `llama.cpp, ${count} thread${count > 1 ? "s" : ""}`,
  launch: llama(file, count),
});

/** Peers by name: what of `copies` or `phi3Mini` (peers.mjs) they run, for a row of these weights. */
const peers = {
  llama: ({ weights, model, copies, threads }) =>
    [...new Set([1, threads])].map((count) => withThreads(weights === "file" ? model : copies.gguf[weights], count)),
  llamaPhi3: ({ weights, phi3Mini, threads }) => [withThreads(phi3Mini[weights], threads)],
  float32: ({ copies }) => [{ name: "transformers float32", launch: transformers(copies.folder.F32, "float32") }],
  bfloat16: ({ copies }) => [{ name: "transformers bfloat16", launch: transformers(copies.folder.BF16, "bfloat16") }],
  jsFp32: ({ copies }) => [{ name: "transformers.js fp32", launch: transformersJs(copies.folder.onnx, "fp32") }],
  jsQ8: ({ copies }) => [{ name: "transformers.js q8", launch: transformersJs(copies.folder.onnx, "q8") }],
};

/** What the peers of a row are; none where there are no copies of the model. */
export const peersOf = (row, places) =>
  places.copies ? (row.peers ?? []).flatMap((name) => peers[name]({ weights: row.weights, ...places })) : [];

/** The path of a row's weights for us; undefined where there are no copies of the model. */
export const weightsOf = ({ weights }, { model, phi3Mini, copies }) =>
  weights === "file"
    ? model
    : (phi3Mini[weights] ?? (weights === "Q8_0" ? copies?.gguf.Q8_0 : copies?.folder[weights]));

/** Tokens a second of eight sequences in all, beside one's. */
const sequencesRow = (name, work) => ({
  name,
  work: { ...work, sequences: 8 },
  against: { words: "of one sequence's", work },
});

/** Of what a row measures by another path than the fastest. */
const byPath = (path) => ({ path, against: { words: "of the fastest path's" } });

const phi3Mini = "phi3-mini ";
/** The mixes of formats in which files of Phi-3-mini's shape are wanted for these rows. */
export const mixesOf = (rows) => [
  ...new Set(rows.flatMap(({ weights }) => (weights.startsWith(phi3Mini) ? [weights.slice(phi3Mini.length)] : []))),
];

/** Formats that fewer people have. */
const otherRows = ["Q5_K", "Q6_K", "Q5_0", "IQ4_XS"].map((format) => ({
  name: `phi3-${format.toLowerCase()}-decode`,
  more: true,
  weights: `${phi3Mini}${format}`,
  title: `decode, Phi-3-mini's shape in ${format}, 24 + 24 tokens`,
  work: decodeFew,
  peers: ["llamaPhi3"],
  target: "70% of the stream (VNNI)",
  floor: "60%",
}));

const phi3Rows = ["Q4_0", "Q4_K_M"].flatMap((mix) => {
  const row = { weights: `${phi3Mini}${mix}`, peers: ["llamaPhi3"] };
  const [name, title] = [`phi3-${mix.toLowerCase()}`, `Phi-3-mini's shape in ${mix}`];
  return [
    {
      ...row,
      name: `${name}-decode`,
      title: `decode, ${title}, 24 + 24 tokens`,
      work: decodeFew,
      target: mix === "Q4_0" ? "75% of the stream; 1.15 × llama.cpp (VNNI 85%)" : "70% of the stream; 1.1 × (VNNI 80%)",
      floor: mix === "Q4_0" ? "66%; 1 × (VNNI 75%)" : "62%; 0.95 × (VNNI 70%)",
    },
    {
      ...row,
      name: `${name}-decode-avx2`,
      title: `decode, ${title}, by avx2`,
      work: decodeFew,
      peers: [],
      ...byPath("avx2"),
    },
    {
      ...row,
      ...sequencesRow(`${name}-sequences`, { prompt: 24, decode: 12 }),
      title: `8 sequences at once, in all, ${title}`,
      peers: [],
      more: mix !== "Q4_0",
    },
    ...[24, 128, 512].map((tokens) => ({
      ...row,
      name: `${name}-prefill-${tokens}`,
      title: `prefill ${tokens}, exact, ${title}`,
      work: { ...prefill(tokens), repeats: 1 },
      target: `${mix === "Q4_0" ? 78 : 75}% of the peak`,
      floor: `${mix === "Q4_0" ? 68 : 65}%`,
      more: tokens === 512 || mix === "Q4_0",
    })),
  ];
});

/**
 * Rates: `work` on `weights`, by from_pretrained with `options`, on the fastest path or the one that `path` names.
 * `against`: the same on the fastest path with other work or options, which the figure is a share of. `times`: how often
 * the rounds are gone through, for speeds that differ by little; 1. `more`: only with --all, or where --only names it.
 */
export const rateRows = [
  ...phi3Rows,
  ...otherRows,
  {
    name: "decode",
    title: "decode, SmolLM2's file as shipped, 24 + 100 tokens",
    weights: "file",
    work: decode,
    peers: ["llama"],
    target: "62% of the stream; 2.4 × llama.cpp (VNNI 80%; 4 ×)",
    floor: "55%; 2 × (VNNI 3 ×)",
  },
  {
    ...sequencesRow("sequences", decode),
    title: "8 sequences at once, in all, SmolLM2's file",
    weights: "file",
  },
  {
    name: "decode-q8_0",
    title: "decode, Q8_0",
    weights: "Q8_0",
    work: decode,
    peers: ["llama", "jsQ8"],
    target: "75% of the stream",
    floor: "65%",
  },
  {
    name: "decode-bf16",
    more: true,
    title: "decode, bfloat16 safetensors",
    weights: "BF16",
    work: decode,
    peers: ["llama", "bfloat16"],
    target: "1.5 ×",
    floor: "1.25 ×",
  },
  {
    name: "decode-f32",
    more: true,
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
    more: true,
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
    target: `78% of the peak${tokens === 512 ? "; 1.5 × transformers float32; 2.4 × llama.cpp" : ""}`,
    floor: `68%${tokens === 512 ? "; 1.3 ×; 2 ×" : ""}`,
  })),
  {
    name: "prefill-bf16",
    more: true,
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
    more: true,
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
    { name: `decode-${path}`, title: `decode, the file, by ${path}`, weights: "file", work: decode, ...byPath(path) },
    {
      name: `prefill-${path}`,
      title: `prefill 512, the file, by ${path}`,
      weights: "file",
      work: prefill(512),
      ...byPath(path),
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
