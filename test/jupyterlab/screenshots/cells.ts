/** The notebook of which the pictures are taken: a cell for each drawing, by its name. */

/** What comes before all drawings. */
export const first = `import { AutoModelForCausalLM, AutoTokenizer, compare, defaultModel, DynamicCache } from "phi3lab";
import * as plots from "phi3lab";
const id = await defaultModel();
const tokenizer = await AutoTokenizer.from_pretrained(id);
const model = await AutoModelForCausalLM.from_pretrained(id);
const prompt = "The capital of France is";
const prose = "When Mary and John went to the store ☀️, John gave a 飲み物 to Mary. The capital of France is Paris.";`;

/** A cell for each drawing. */
export const drawings: Record<string, string> = {
  tokens: "plots.plotTokens(await model.log_probs(prose))",
  lens: 'const lens = await model.logit_lens(prompt, { positions: "all", watch: [" Paris", " London"] });\nplots.plotLens(lens)',
  ranks: "plots.plotRanks(lens)",
  attention: `const cache = await model.run_with_cache(prose, { names: /attn_weights$/, layers: [18] });
plots.plotAttention(cache, { layer: 18, tokenizer })`,
  heads: 'plots.plotHeads(await model.head_scores(["induction", "previous"]))',
  attribution: 'plots.plotAttribution(await model.attribute(prompt, { token: " Paris", against: " London" }))',
  "attribution-heads":
    'plots.plotAttribution(await model.attribute(prompt, { token: " Paris", against: " London", by: "head" }))',
  patch: `const tokens = { token: " Paris", against: " Rome" } as const;
plots.plotPatch(await model.patch_grid(prompt, "The capital of Italy is", { ...tokens, over: "position" }))`,
  tree: "plots.plotTree(await model.tree(prompt, { width: 3, depth: 4 }))",
  compare: `const other = await AutoModelForCausalLM.from_pretrained(id, { kv_dtype: "float16" });
plots.plotCompare(await compare(model, other, prompt))`,
  memory: `const past_key_values = new DynamicCache();
const seen = [];
for (let i = 0; i < 12; i++) {
  await model.log_probs("All work and no play makes Jack a dull boy. ".repeat(3), { past_key_values, k: 0 });
  seen.push(past_key_values.memory());
}
plots.plotMemory(seen)`,
  embeddings: `const words = "Paris,London,Rome,Berlin,Madrid,red,green,blue,yellow,one,two,three,dog,cat,horse,Monday,Friday,Sunday".split(",");
const ids = words.map((word) => tokenizer.encode(" " + word)[0]!);
plots.plotEmbeddings((await model.model.embed_tokens([ids])).squeeze(0), words)`,
  watch: "await plots.watch(model, { prompt, max_new_tokens: 24 })",
};
