/** What a model may go on with, as a tree of tokens. */
import { inspect } from "node:util";
import type { ContinuationTree, TreeNode } from "../insight/results";
import { escapeMarkup } from "../markup";
import { checkOptions } from "../options";
import { costLine, roughly } from "./said";
import { colourOf, palette } from "./style";
import { document, heading, line, rect, text } from "./svg";
import { liveTree } from "./tree_live";
import { View } from "./view";
import { shorten, textWidth } from "./words";

/** The options of {@link plotTree}. */
export interface PlotTreeOptions {
  /** Default: `How it may go on`. */
  title?: string;
}

/** Of the probability that no child shows, what is too little to be named. */
const least = 0.005;

/**
 * Draws a tree of continuations: each token behind the one before it, with its probability there and that of the way from
 * the prompt, and what no branch shows as "others". Live, branches fold, and a token that is clicked gives the text of its
 * way, to be copied.
 *
 * @param tree What {@link Phi3ForCausalLM.tree} gave.
 * @throws TypeError for anything else; RangeError for a tree whose output would be too large.
 * @example
 * const tree = await model.tree(prompt, { width: 3, depth: 3 });
 * plotTree(tree);
 */
export function plotTree(tree: ContinuationTree, options: PlotTreeOptions = {}): View {
  checkOptions(options, { title: true }, "plotTree");
  if (!Array.isArray(tree?.root?.children))
    throw new TypeError(`Expected what model.tree gave for plotTree but received ${inspect(tree, { depth: 0 })}`);
  const { title = "How it may go on" } = options;
  const count = `${tree.nodes.toLocaleString("en-US")} token${tree.nodes === 1 ? "" : "s"}`;
  const caption = `${count}, each with its probability behind what stands before it, and in brackets that of the whole way from the prompt. ${costLine(tree.cost)}`;
  return new View({
    text: [title, ...letters(tree), caption].join("\n"),
    svg: picture(tree, title, caption),
    html: page(tree, title, caption),
    live: { data: ways(tree.root, tree.prompt), script: liveTree },
    shrink: "ask tree for fewer nodes (max_nodes), or a greater min_probability",
  });
}

const numbers = ({ probability, cumulative }: TreeNode): string => `${roughly(probability)} (${roughly(cumulative)})`;

/** What may come and is not shown; undefined where that is next to nothing, or where nothing was looked at. */
function others({ others: rest, cumulative, children }: TreeNode): string | undefined {
  if (children.length === 0 || rest < least) return undefined;
  return `others ${roughly(rest)} (${roughly(rest * cumulative)})`;
}

/** The text of each node's way, in the order of the page: the node, then all below it. */
function ways(node: TreeNode, so: string): string[] {
  return node.children.flatMap((child) => [so + child.text, ...ways(child, so + child.text)]);
}

function letters({ prompt, root }: ContinuationTree): string[] {
  const below = (node: TreeNode, margin: string): string[] => {
    const rest = others(node);
    const last = node.children.length + (rest === undefined ? 0 : 1) - 1;
    const lines = node.children.flatMap((child, i) => {
      const [branch, next] = i === last ? ["└─ ", "   "] : ["├─ ", "│  "];
      return [`${margin}${branch}${child.label} ${numbers(child)}`, ...below(child, margin + next)];
    });
    return rest === undefined ? lines : [...lines, `${margin}└─ ${rest}`];
  };
  return [prompt, ...below(root, "")];
}

/** The ground of a token, over the page's own. */
const ground = (probability: number): string => `rgba(61, 142, 240, ${(0.08 + 0.55 * probability).toFixed(2)})`;

function page({ prompt, root }: ContinuationTree, title: string, caption: string): string {
  const below = (node: TreeNode): string => {
    const rest = others(node);
    const items = node.children.map((child) => {
      const style = `background-color: ${ground(child.probability)}; border-radius: 3px; padding: 0px 4px; font-family: monospace; white-space: pre`;
      const words = `<span title="${escapeMarkup(`${child.label}: ${numbers(child)}`)}" style="${style}">${escapeMarkup(child.label)}</span> ${numbers(child)}`;
      if (child.children.length === 0) return `<div style="padding: 1px 0px 1px 16px">${words}</div>`;
      return `<details open=""><summary style="padding: 1px 0px">${words}</summary>${below(child)}</details>`;
    });
    const left = rest === undefined ? "" : `<div style="padding: 1px 0px 1px 16px; opacity: 0.75"><i>${rest}</i></div>`;
    return `<div style="padding-left: 20px">${items.join("")}${left}</div>`;
  };
  return [
    `<div><b>${escapeMarkup(title)}</b></div>`,
    `<div style="white-space: pre-wrap; font-family: monospace; padding: 6px 0px">${escapeMarkup(prompt)}</div>`,
    below(root),
    `<div style="padding: 6px 0px">${escapeMarkup(caption)}</div>`,
  ].join("");
}

interface Box {
  words: string;
  /** undefined: others. */
  node?: TreeNode;
  depth: number;
  row: number;
  parent?: Box;
}

/** Boxes in columns by their depth, the first child beside its parent, each leaf in a row of its own. */
function arrange(root: TreeNode): { boxes: Box[]; rows: number } {
  const boxes: Box[] = [];
  let rows = 0;
  const place = (node: TreeNode, depth: number, parent?: Box): void => {
    const rest = others(node);
    for (const child of node.children) {
      const words = `${shorten(child.label, 20)} ${numbers(child)}`;
      const box: Box = { words, node: child, depth, row: rows, parent };
      boxes.push(box);
      if (child.children.length > 0) place(child, depth + 1, box);
      else rows++;
    }
    if (rest !== undefined) boxes.push({ words: rest, depth, row: rows++, parent });
  };
  place(root, 0);
  return { boxes, rows };
}

function picture({ prompt, root }: ContinuationTree, title: string, caption: string): string {
  const { boxes, rows } = arrange(root);
  const [left, size, row, gap] = [12, 12, 26, 30];
  const depths = 1 + Math.max(-1, ...boxes.map(({ depth }) => depth));
  const widths = Array.from({ length: depths }, (_, d) =>
    boxes.reduce((most, box) => (box.depth === d ? Math.max(most, textWidth(box.words, size) + 12) : most), 0),
  );
  const lefts = widths.map((_, d) => left + 14 + widths.slice(0, d).reduce((sum, one) => sum + one + gap, 0));
  const wide = Math.max(
    460,
    (lefts.at(-1) ?? 0) + (widths.at(-1) ?? 0) + left,
    Math.min(900, textWidth(prompt, 14) + 2 * left),
  );
  const width = Math.round(wide);
  const { shapes, height } = heading(title, width, caption);
  shapes.push(
    text(left, height + 14, shorten(prompt, Math.floor((width - 2 * left) / (0.62 * 14))), { size: 14, weight: 600 }),
  );
  const top = height + 26;
  const at = (box: Box): { x: number; y: number } => ({ x: lefts[box.depth] as number, y: top + box.row * row });
  for (const box of boxes) {
    const { x, y } = at(box);
    const from = box.parent ? at(box.parent) : { x: left, y: top - row };
    // Down beside the parent's children, then across to the box.
    const trunk = box.parent ? x - gap / 2 : left + 4;
    const head = box.parent ? from.y + 10 : top - 4;
    shapes.push(line(trunk, head, trunk, y + 10), line(trunk, y + 10, x, y + 10));
    if (box.parent && box.row === box.parent.row) {
      const end = from.x + textWidth(box.parent.words, size) + 12;
      shapes.push(line(end, y + 10, trunk, y + 10));
    }
    if (box.node === undefined) {
      shapes.push(text(x + 6, y + 14, box.words, { size }));
      continue;
    }
    const fill = colourOf(box.node.probability, [0, 1], "paper");
    shapes.push(
      rect(x, y, textWidth(box.words, size) + 12, 20, fill, {
        title: `${box.node.label} ${numbers(box.node)}`,
        radius: 4,
      }),
    );
    shapes.push(text(x + 6, y + 14, box.words, { size, fill: palette.onPaper }));
  }
  return document(width, top + rows * row + 8, `${title}: ${prompt}: ${caption}`, shapes);
}
