/** Numbers of a forward pass that two machines can compare by eye: they agree to about three digits on the same weights. */

const short = (number) => Number(number.toPrecision(5)).toString();

/** Root mean square, the largest number with its place, and the first four, of the last position's vector. */
function line(name, tensor) {
  const width = tensor.dims.at(-1);
  const vector = tensor.data.subarray(tensor.size - width);
  let squares = 0;
  let largest = 0;
  for (const [i, value] of vector.entries()) {
    squares += value * value;
    if (Math.abs(value) > Math.abs(vector[largest])) largest = i;
  }
  const first = Array.from(vector.subarray(0, 4), short).join(" ");
  const rms = short(Math.sqrt(squares / width));
  return `${name.padEnd(16)}  rms ${rms}  largest ${short(vector[largest])} at ${largest}  first ${first}`;
}

/** The five top tokens with their probabilities. */
function top(logits, tokenizer) {
  const width = logits.dims.at(-1);
  const scores = Array.from(logits.data.subarray(logits.size - width));
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
  const order = scores
    .map((score, id) => ({ id, share: Math.exp(score - largest) / total }))
    .sort((a, b) => b.share - a.share);
  const named = ({ id, share }) => `${id} ${JSON.stringify(tokenizer.decode(id))} ${share.toFixed(5)}`;
  return `top tokens        ${order.slice(0, 5).map(named).join("  ")}`;
}

/** Lines for the embeddings, a few layers, the final norm and the head, over the last position of a prompt. */
export function digest({ hidden_states, logits, tokenizer }) {
  const layers = hidden_states.length - 1;
  // hidden_states[i] is what layer i gave, [0] the embeddings, the last one normed.
  const shown = [...new Set([1, Math.ceil(layers / 2), layers - 1])].filter((i) => i > 0 && i < layers);
  return [
    line("embed_tokens", hidden_states[0]),
    ...shown.map((i) => line(`layers.${i - 1}`, hidden_states[i])),
    line("norm", hidden_states[layers]),
    line("logits", logits),
    top(logits, tokenizer),
  ];
}
