/**
 * The script that makes maps of heads live: a click on a head, or Enter, shows what it looks at, where its attention came
 * along, and else what to type for it. It gets the still form's root, the maps' scores and the attention.
 */
import { liveAttention } from "./attention_live";
import { liveFrame, livePut } from "./live";
import { liveMap } from "./map_live";

export const liveHeads = `function (root, data) {
  const map = ${liveMap};
  const attention = ${liveAttention};
  const { layers, heads, maps, kept } = data;
  const put = ${livePut};
  const frame = ${liveFrame};
  const [place, picked] = frame(root, { ...data, cell: "head", shows: "what it looks at", name: "The picked head" });
  const pick = (head, layer) => {
    picked.replaceChildren();
    const at = kept ? kept.maps.findIndex(([l, h]) => l === layer && h === head) : -1;
    if (at >= 0) {
      const large = put(picked, "div");
      put(large, "img");
      attention(large, { ...kept, shown: at, title: "What layer " + layer + ", head " + head + " looks at" });
      return;
    }
    put(picked, "div", "Layer " + layer + ", head " + head + ": its attention is not in this output. To see it, type", "font-weight: 600; padding: 4px 0");
    put(picked, "code", "const cache = await model.run_with_cache(scores.input_ids, { names: /attn_weights$/, layers: [" + layer + "], heads: [" + head + "] });\\nplotAttention(cache, { tokenizer })", "white-space: pre-wrap; user-select: all; display: block");
  };
  maps.forEach(({ kind, looks, scores, best }) => {
    put(place, "div", kind + ": its attention to " + looks + " (heads downwards, layers to the right; pale 0, strong 1)", "padding: 6px 0 2px");
    const score = (head, layer) => scores[layer * heads + head];
    map(put(place, "div"), {
      ...{ name: kind, width: 23, lines: 1, pick, start: best.length > 0 ? [best[0] % heads, Math.floor(best[0] / heads)] : undefined },
      rows: Array.from({ length: heads }, (_, head) => "head " + head),
      columns: Array.from({ length: layers }, (_, layer) => String(layer)),
      strength: (head, layer) => Math.max(0, Math.min(1, score(head, layer))),
      text: (head, layer) => {
        const rank = best.indexOf(layer * heads + head);
        return rank < 0 ? "" : String(rank + 1);
      },
      say: (head, layer) => ["layer " + layer + ", head " + head + ": " + kind + " " + score(head, layer).toFixed(3)],
    });
  });
}`;
