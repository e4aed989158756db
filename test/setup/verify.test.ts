/** What `npm run verify` tells a reader of the model that lies on the disk. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import book from "../../scripts/verify/book.json";
import { writeRandomPhi3 } from "../notebooks/phi3";
import { smollm } from "../src/tokenizer/models";
import { cleanEnvironment, ended, root } from "./sandbox";

type Check = { what: string; result: string; detail: string };
type Checks = {
  compareBook(expected: typeof book, found: object): Check[];
  compareTokens(cached: number[], uncached: number[]): Check;
};

async function verify(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; block: string }> {
  const script = join(root, "scripts", "verify.mjs");
  const { code, output } = await ended(
    spawn(process.execPath, [script, ...args], { env: { ...cleanEnvironment(), ...env } }),
  );
  const block = /```text\n([\s\S]*)\n```/.exec(output)?.[1] ?? output;
  return { code: code as number, block };
}

describe("npm run verify", function () {
  this.timeout(180_000);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "phi3lab-verify-")));
  const tiny = join(folder, "tiny-phi3");
  before(() => writeRandomPhi3(tiny, { layers: 3, hidden: 64, ffn: 96, heads: 2 }));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const withoutPaths = (block: string) => {
    for (const path of [root, folder, homedir(), tmpdir()]) assert.ok(!block.includes(path), `${path} in:\n${block}`);
  };

  it("tells of a .gguf file what it is, that it answers alike with and without the cache, and a digest", async function () {
    const path = await smollm();
    if (path === undefined) return this.skip();
    const { code, block } = await verify([path, "--device", "cpu", "--tokens", "4"]);
    assert.equal(code, 0, block);
    withoutPaths(block);
    for (const line of [
      /^ {2}phi3lab +\d+\.\d+\.\d+/m,
      /^ {2}CPU +.*threads, path (portable|avx|neon)/m,
      /^ {2}SmolLM2-135M-Instruct\.Q4_1\.gguf +0\.098 GB \(98,362,432 bytes\)$/m,
      /^ {2}tensors +Q4_1 210, F32 61, Q8_0 1$/m,
      /^ {2}same +tokenizer: texts to ids and back: 5 texts$/m,
      /^ {2}not compared +next token: only of microsoft\/Phi-3-mini-4k-instruct/m,
      /^ {2}same +greedy tokens with the cache and without: 4 tokens$/m,
      /^ {2}without +4 tokens after 21 in /m,
      /^ {2}top tokens +7042 " Paris" 0\.772\d\d {2}260 " the"/m,
    ])
      assert.match(block, line);
  });

  it("takes a folder of safetensors, and an id of the hub", async () => {
    const commit = "0123456789abcdef0123456789abcdef01234567";
    const cached = join(folder, "cache", "models--someone--tiny");
    mkdirSync(join(cached, "refs"), { recursive: true });
    writeFileSync(join(cached, "refs", "main"), commit);
    cpSync(tiny, join(cached, "snapshots", commit), { recursive: true });
    const one = await verify([tiny, "--device", "cpu"]);
    const other = await verify(["someone/tiny", "--device", "cpu"], {
      HF_HUB_CACHE: join(folder, "cache"),
      HF_HUB_OFFLINE: "1",
    });
    for (const { code, block } of [one, other]) {
      assert.equal(code, 0, block);
      withoutPaths(block);
      assert.match(
        block,
        /^ {2}shape +phi3: 3 layers, 2 heads on 2 of 32, hidden 64, ffn 96, vocabulary 32064, context 4096/m,
      );
      assert.match(block, /^ {2}special +bos <s>, eos <\|endoftext\|>, 0 put around a text$/m);
      assert.match(block, /^ {2}same +greedy tokens with the cache and without: 10 tokens$/m);
    }
    assert.match(one.block, /^ {2}name +tiny-phi3$/m);
    assert.match(other.block, /^ {2}name +someone\/tiny\n {2}commit +0123456789/m);
    const digest = (block: string) => block.slice(block.indexOf("digest:"));
    assert.match(digest(one.block), /embed_tokens .*\n {2}layers\.0 .*\n {2}layers\.1 .*\n {2}norm .*\n {2}logits /);
    assert.equal(digest(one.block), digest(other.block));
  });

  it("says of a damaged model what failed, ends with 1, and names no folder", async () => {
    const damaged = join(folder, "damaged");
    cpSync(tiny, damaged, { recursive: true });
    truncateSync(join(damaged, "model-00001-of-00002.safetensors"), 1000);
    const { code, block } = await verify([damaged]);
    assert.equal(code, 1, block);
    assert.match(block, /^ {2}failed +loading the weights: .*model-00001-of-00002\.safetensors/m);
    assert.match(block, /^ {2}same +tokenizer: texts to ids and back/m);
    withoutPaths(block);
  });

  it("answers what is no command with the usage", async () => {
    for (const args of [[], ["a", "b"], ["a", "--tokens", "0"], ["a", "--colour"]]) {
      const { code, block } = await verify(args);
      assert.equal(code, 2, block);
    }
    assert.match((await verify([])).block, /Expected one model but received 0\.\nnpm run verify -- MODEL/);
  });

  describe("on Phi-3-mini itself", () => {
    const found = { ...book, tree: book.tree.join("\n"), quantised: false };
    let checks: Checks;
    before(async () => {
      checks = (await import(pathToFileURL(join(root, "scripts", "verify", "checks.mjs")).href)) as Checks;
    });
    const results = (change: object) => checks.compareBook(book, { ...found, ...change }).map(({ result }) => result);
    const same = ["same", "same", "same", "same", "same", "same"];
    const but = (at: number, result: string) => same.map((one, i) => (i === at ? result : one));

    it("compares ids, shapes, token, text and layers with the book's", () => {
      assert.deepEqual(results({}), same);
      assert.deepEqual(results({ ids: [1, ...book.ids] }), but(0, "differs"));
      assert.deepEqual(results({ hidden_shape: [1, 6, 3072] }), but(1, "differs"));
      assert.deepEqual(results({ logits_shape: [1, 5, 32000] }), but(2, "differs"));
      assert.deepEqual(results({ token: { id: 3681, text: " Paris" } }), but(3, "differs"));
      assert.deepEqual(results({ text: " Dear Sarah" }), but(4, "differs"));
      assert.deepEqual(results({ tree: found.tree.replace("SiLU", "GELU") }), but(5, "differs"));
    });

    it("lets a greedy text turn behind its opening, and a quantised model's anywhere", () => {
      assert.deepEqual(results({ text: `${book.opening} is found` }), but(4, "turns"));
      assert.deepEqual(results({ text: " Dear Sarah", quantised: true }), but(4, "turns"));
      const [turned] = checks
        .compareBook(book, { ...found, text: " Mention it" })
        .filter(({ result }) => result !== "same");
      assert.match(turned?.detail ?? "", /^after 9 of 202 characters: expected " Mention the steps you're/);
    });

    it("tells the first token at which the cache changes the text", () => {
      assert.equal(checks.compareTokens([1, 2, 3], [1, 2, 3]).result, "same");
      assert.match(checks.compareTokens([1, 2, 3], [1, 5, 3]).detail, /^at token 2: 2 with, 5 without$/);
      assert.match(checks.compareTokens([1, 2], [1, 2, 3]).detail, /^at token 3: undefined with, 3 without$/);
    });
  });
});
