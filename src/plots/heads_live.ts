/**
 * The script that makes maps of heads live: a click on a head, or Enter, shows what it looks at, where its attention came
 * along, and else what to type for it. It gets the still form's root, the maps' scores and the attention.
 */
import { livePut } from "./live";
import { liveAttention } from "./attention_live";
import { liveMap } from "./map_live";

export const liveHeads = `function (root, data) {
  const map = ${liveMap};
  const attention = ${liveAttention};
  const { layers, heads, maps, about, kept } = data;
  const put = ${livePut};
  const body = document.createElement("div");
  body.style.cssText = "color: var(--jp-content-font-color1, currentColor)";
  put(body, "div", data.title, "font-weight: 600");
  const picked = document.createElement("div");
  picked.setAttribute("role", "region");
  picked.setAttribute("aria-label", "The picked head");
  picked.setAttribute("aria-live", "polite");
  const pick = (head, layer) => {
    picked.replaceChildren();
    const at = kept ? kept.maps.findIndex(([l, h]) => l === layer && h === head) : -1;
    if (at >= 0) {
      const place = put(picked, "div");
      put(place, "img");
      attention(place, { ...kept, shown: at, title: "What layer " + layer + ", head " + head + " looks at" });
      return;
    }
    put(picked, "div", "Layer " + layer + ", head " + head + ": its attention is not in this output. To see it, type", "font-weight: 600; padding: 4px 0");
    put(picked, "code", "const cache = await model.run_with_cache(scores.input_ids, { names: /attn_weights$/, layers: [" + layer + "], heads: [" + head + "] });\\nplotAttention(cache, { tokenizer })", "white-space: pre-wrap; user-select: all; display: block");
  };
  root.querySelector("img").replaceWith(body);
  maps.forEach(({ kind, looks, scores, best }) => {
    put(body, "div", kind + ": its attention to " + looks + " (heads downwards, layers to the right; pale 0, strong 1)", "padding: 6px 0 2px");
    const score = (head, layer) => scores[layer * heads + head];
    map(put(body, "div"), {
      ...{ name: kind, width: 23, lines: 1, pick, start: best.length > 0 ? [best[0] % heads, Math.floor(best[0] / heads)] : undefined },
      rows: Array.from({ length: heads }, (_, head) => "head " + head),
      columns: Array.from({ length: layers }, (_, layer) => String(layer)),
      strength: (head, layer) => Math.max(0, Math.min(1, score(head, layer))),
      text: (head, layer) => {
        const place = best.indexOf(layer * heads + head);
        return place < 0 ? "" : String(place + 1);
      },
      say: (head, layer) => ["layer " + layer + ", head " + head + ": " + kind + " " + score(head, layer).toFixed(3)],
    });
  });
  for (const line of about) put(body, "div", line);
  put(body, "div", "Point at a head, or reach it by Tab and the arrow keys; a click or Enter shows what it looks at.", "padding: 2px 0");
  body.append(picked);
}`;
