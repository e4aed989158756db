/** What a model may go on with: the likeliest ways of a text, as a tree. */
import { inspect } from "node:util";
import { abortable } from "../model/abort";
import type { Core } from "../model/core";
import type { NativeCache } from "../native";
import { checkOptions } from "../options";
import { makeVisible } from "../plots/token_label";
import { naming } from "./label";
import { type Prompt, promptIds } from "./prompt";
import type { ContinuationTree, TreeNode } from "./results";
import { costLine, shown } from "./shown";

/** What {@link Phi3ForCausalLM.tree} takes. */
export interface TreeOptions {
  /** Tokens that may follow each, from 1 to 256. Default: 3. */
  width?: number | null;
  /** Tokens of a way, at most. Default: 4. */
  depth?: number | null;
  /** Ways less likely than this, all in all, are not shown. Default: 0.02. */
  min_probability?: number | null;
  /** Nodes at most: the likeliest ways are followed first. Default: 64. */
  max_nodes?: number | null;
  /** Stops the work, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

interface Open {
  node: TreeNode;
  /** The tokens from the prompt to it, itself included. */
  path: number[];
}

/** What `model.tree` does. */
export async function continuationTree(
  core: Core,
  prompt: Prompt,
  options: TreeOptions = {},
): Promise<ContinuationTree> {
  const known = { width: true, depth: true, min_probability: true, max_nodes: true, signal: true } as const;
  checkOptions(options, known, "tree");
  const start = performance.now();
  const { native, config } = core;
  const width = Math.min(options.width ?? 3, config.vocab_size);
  const [depth, least, most] = [options.depth ?? 4, options.min_probability ?? 0.02, options.max_nodes ?? 64];
  const ids = await promptIds(core, prompt, "tree");
  check("width", width, 1, 256);
  check("depth", depth, 1, config.max_position_embeddings - ids.length + 1);
  check("max_nodes", most, 1, 65536);
  if (!(least >= 0 && least <= 1))
    throw new RangeError(
      `Expected a probability from 0 to 1 for min_probability of tree but received ${inspect(least)}`,
    );
  const name = await naming(core);
  const words = typeof prompt === "string" ? prompt : await wholeText(core, ids);
  const root: TreeNode = {
    id: -1,
    text: words,
    label: makeVisible(words),
    probability: 1,
    cumulative: 1,
    others: 1,
    children: [],
  };
  const open: Open[] = [{ node: root, path: [] }];
  let [nodes, passes, bytes] = [0, 0, 0];
  const cache = native.createCache();
  try {
    await abortable(options.signal ?? undefined, async (abort) => {
      let held: number[] = [];
      while (open.length > 0 && nodes < most) {
        const { node, path } = likeliest(open);
        const begin = passes === 0 ? [] : common(held, path);
        const behind = passes === 0 ? [...ids] : path.slice(begin.length);
        if (passes > 0) cache.truncate(ids.length + begin.length);
        const { tokens, shares } = await next(core, cache, behind, width, abort);
        passes++;
        bytes = Math.max(bytes, cache.nbytes);
        held = path;
        for (const [i, id] of tokens.entries()) {
          const probability = shares[i] as number;
          const cumulative = node.cumulative * probability;
          if (cumulative < least || nodes >= most) break;
          const child = { ...name(id), probability, cumulative, others: 1, children: [] };
          node.children.push(child);
          node.others = Math.max(0, node.others - probability);
          nodes++;
          if (path.length + 1 < depth && !config.eos_token_id.includes(id))
            open.push({ node: child, path: [...path, id] });
        }
      }
    });
  } finally {
    cache.dispose();
  }
  const cost = { ms: performance.now() - start, passes, bytes };
  return shown<ContinuationTree>({ prompt: words, root, nodes, cost }, asText);
}

function check(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    throw new RangeError(
      `Expected an integer from ${from} to ${to} for ${name} of tree but received ${inspect(value)}`,
    );
}

/** The likeliest of the ways that were not gone on with, taken out of them. */
function likeliest(open: Open[]): Open {
  let best = 0;
  open.forEach(({ node }, i) => {
    if (node.cumulative > (open[best] as Open).node.cumulative) best = i;
  });
  return open.splice(best, 1)[0] as Open;
}

/** What both begin with, short of all of `path`: its last token's vector is needed. */
function common(held: readonly number[], path: readonly number[]): number[] {
  let count = 0;
  while (count < path.length - 1 && held[count] === path[count]) count++;
  return path.slice(0, count);
}

/** The likeliest tokens behind what the cache holds and `ids`, with their probabilities. */
async function next(
  { native }: Core,
  cache: NativeCache,
  ids: readonly number[],
  k: number,
  abort: Parameters<Parameters<typeof abortable>[1]>[0],
): Promise<{ tokens: number[]; shares: number[] }> {
  const { last_hidden_state: hidden } = await native.forward({ ids: Int32Array.from(ids), cache, abort });
  try {
    const summary = await native.summarise({ hidden, start: ids.length - 1, rows: 1, norm: false, k, abort });
    const [logsumexp] = summary.logsumexp;
    return {
      tokens: Array.from(summary.ids),
      shares: Array.from(summary.logits, (logit) => Math.exp(logit - (logsumexp as number))),
    };
  } finally {
    hidden.dispose();
  }
}

async function wholeText(core: Core, ids: Int32Array): Promise<string> {
  const tokenizer = await core.tokenizer().catch(() => undefined);
  return tokenizer === undefined ? Array.from(ids).join(" ") : tokenizer.decode(Array.from(ids));
}

/** The tree in letters: a line a token, with its probability and that of the way to it. */
function asText({ root, cost, nodes }: ContinuationTree): string {
  const lines = [root.text];
  const share = (p: number): string => `${(p * 100).toFixed(1)}%`;
  const visit = (node: TreeNode, indent: string): void => {
    const { children, others } = node;
    const rest = children.length > 0 && others >= 0.0005;
    children.forEach((child, i) => {
      const last = i === children.length - 1 && !rest;
      const both = node === root ? "" : ` (${share(child.cumulative)})`;
      lines.push(`${indent}${last ? "└" : "├"} ${JSON.stringify(child.text)} ${share(child.probability)}${both}`);
      visit(child, `${indent}${last ? " " : "│"} `);
    });
    if (rest) lines.push(`${indent}└ others ${share(others)}`);
  };
  visit(root, "");
  return [...lines, `${nodes} nodes, ${costLine(cost)}`].join("\n");
}
