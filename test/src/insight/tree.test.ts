/** What may follow a text, against running every way of it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AutoModelForCausalLM, type Phi3ForCausalLM, type Tensor, type TreeNode } from "../../../src";
import { near } from "./golden";

const goldens = join(__dirname, "..", "..", "golden");
const tiny = (name: string): Promise<Phi3ForCausalLM> =>
  AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", name), { device: "cpu" });
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);
const prompt = [5, 77, 130, 9, 201, 64];

describe("tree", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await tiny("llama");
  });
  after(() => model?.dispose());

  const sharesAfter = async (path: number[]): Promise<number[]> =>
    numbers((await model([...prompt, ...path])).logits.slice(0, -1).softmax());

  it("has every way of two tokens with the probability that running it gives", async () => {
    const tree = await model.tree(prompt, { width: 211, depth: 2, min_probability: 0, max_nodes: 60_000 });
    const [end] = model.config.eos_token_id as [number];
    assert.equal(tree.nodes, 211 + 210 * 211);
    assert.equal(tree.cost.passes, 211);
    const check = async (node: TreeNode, path: number[]): Promise<void> => {
      const shares = await sharesAfter(path);
      for (const { id, probability, cumulative } of node.children) {
        assert.ok(Math.abs(probability - (shares[id] as number)) < 1e-6, `${path} ${id}`);
        assert.ok(Math.abs(cumulative - probability * node.cumulative) < 1e-9);
      }
      const order = node.children.map(({ probability }) => probability);
      assert.deepEqual(
        order,
        [...order].sort((a, b) => b - a),
      );
      assert.ok(node.others < 1e-5, `${node.others}`);
    };
    await check(tree.root, []);
    for (const child of tree.root.children.slice(0, 40))
      if (child.id === end) assert.deepEqual([child.children, child.others], [[], 1]);
      else await check(child, [child.id]);
  });

  it("follows the likeliest ways, and leaves out what is less likely than asked for", async () => {
    const all = await model.tree(prompt, { width: 4, depth: 3, min_probability: 0, max_nodes: 1000 });
    const flat = (node: TreeNode): TreeNode[] => node.children.flatMap((child) => [child, ...flat(child)]);
    const few = await model.tree(prompt, { width: 4, depth: 3, min_probability: 0, max_nodes: 9 });
    assert.equal(few.nodes, 9);
    assert.equal(flat(few.root).length, 9);
    const least =
      (flat(all.root)
        .map(({ cumulative }) => cumulative)
        .sort((a, b) => b - a)[20] as number) * 1.0000001;
    const cut = await model.tree(prompt, { width: 4, depth: 3, min_probability: least });
    assert.equal(cut.nodes, flat(all.root).filter(({ cumulative }) => cumulative >= least).length);
    const { root } = cut;
    const shown = root.children.reduce((sum, { probability }) => sum + probability, 0);
    near([root.others], [1 - shown], 1e-9, "others");
  });

  it("says what it expected", async () => {
    await assert.rejects(model.tree(prompt, { width: 0 }), /Expected an integer from 1 to 256 for width of tree/);
    await assert.rejects(model.tree(prompt, { depth: 1.5 }), /for depth of tree but received 1.5/);
    await assert.rejects(model.tree(prompt, { min_probability: 2 }), /Expected a probability from 0 to 1/);
    await assert.rejects(model.tree(prompt, { signal: AbortSignal.abort() }), { name: "AbortError" });
  });

  it("ends its text with what it took", async () => {
    const lines = String(await model.tree(prompt, { width: 2, depth: 1, min_probability: 0 })).split("\n");
    assert.equal(lines[0], "5 77 130 9 201 64");
    assert.match(lines[1] as string, /^├ "\d+" \d+\.\d%$/);
    assert.match(lines.at(-1) as string, /^2 nodes, \d+ ms, 1 pass, /);
  });
});
