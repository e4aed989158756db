/** GGUF files on the hub: by their quantisation's name as llama.cpp's `-hf` takes it, by path, or where a repository has no other model. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AutoTokenizer, pipeline } from "../../../src";
import { resolveModel } from "../../../src/hub";
import { chooseGguf, ggufParts } from "../../../src/hub/gguf_choice";
import { needSmollm2 } from "../../native/smollm2";
import { HubSandbox, rejects } from "./sandbox";
import type { HubServer } from "./server";

const commit = "0123456789abcdef0123456789abcdef01234567";

describe("GGUF files of the hub", function () {
  this.timeout(60_000);
  let server: HubServer;
  let folder: string;
  let sandbox: HubSandbox;

  beforeEach(async () => {
    sandbox = await HubSandbox.start();
    ({ server, folder } = sandbox);
  });
  afterEach(() => sandbox.stop());

  /** A repository whose files hold their own names. */
  const repo = (id: string, ...files: string[]): void => {
    const contents = Object.fromEntries(files.map((name) => [name, Buffer.from(name.padEnd(200, "."))]));
    server.repos.set(id, { id, commit, files: contents });
  };
  const found = async (name: string, options = {}): Promise<string> =>
    readFileSync((await resolveModel(name, options)).gguf as string, "utf8").replace(/\.+$/, "");

  it("are taken by their quantisation's name, in any case, and never by a part of it", async () => {
    repo("a/many", "m-Q4_K_S.gguf", "m-Q4_K_M.gguf", "m.q8_0.gguf", "m-IQ4_XS.gguf", "big/m-BF16.gguf", "README.md");
    assert.equal(await found("a/many:Q4_K_M"), "m-Q4_K_M.gguf");
    assert.equal(await found("a/many:q4_k_s"), "m-Q4_K_S.gguf");
    assert.equal(await found("a/many:Q8_0"), "m.q8_0.gguf");
    assert.equal(await found("a/many:bf16"), "big/m-BF16.gguf");
    await rejects(resolveModel("a/many:Q4_K"), /a\/many has no GGUF file of Q4_K; it has .*m-Q4_K_M\.gguf/);
    await rejects(resolveModel("a/many:XS"), /no GGUF file of XS/);
  });

  it("are taken by their path in the repository, in a subfolder too", async () => {
    repo("a/deep", "Q8_0/m-Q8_0.gguf", "top.gguf");
    assert.equal(await found("a/deep/top.gguf"), "top.gguf");
    assert.equal(await found("a/deep/Q8_0/m-Q8_0.gguf"), "Q8_0/m-Q8_0.gguf");
    assert.equal(await found("a/deep", { subfolder: "Q8_0" }), "Q8_0/m-Q8_0.gguf");
    await rejects(resolveModel("a/deep/none.gguf"), /a\/deep has no none\.gguf/, /top\.gguf/);
  });

  it("of a repository that holds no other model are chosen: Q4_K_M, else q4, else the only one", async () => {
    repo("a/usual", "config.json", "m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-q4.gguf");
    repo("a/microsoft", "config.json", "Phi-3-mini-4k-instruct-fp16.gguf", "Phi-3-mini-4k-instruct-q4.gguf");
    repo("a/only", "sub/m-Q6_K.gguf", "mmproj-m-f16.gguf", "m.imatrix.gguf", "README.md");
    repo("a/several", "m-Q6_K.gguf", "m-Q8_0.gguf");
    repo("a/twice", "one-Q4_K_M.gguf", "two-Q4_K_M.gguf");
    assert.equal(await found("a/usual"), "m-Q4_K_M.gguf");
    assert.equal(await found("a/microsoft"), "Phi-3-mini-4k-instruct-q4.gguf");
    assert.equal(await found("a/only"), "sub/m-Q6_K.gguf");
    await rejects(resolveModel("a/several"), /2 GGUF files/, /colon/, /m-Q6_K\.gguf, m-Q8_0\.gguf/);
    await rejects(resolveModel("a/twice"), /several GGUF files of Q4_K_M/, /one-Q4_K_M\.gguf, two-Q4_K_M\.gguf/);
    repo("a/none", "README.md");
    await rejects(resolveModel("a/none:Q8_0"), /a\/none has no GGUF file\./);
  });

  it("leave a repository with safetensors to these, unless one is named", async () => {
    repo("a/both", "config.json", "tokenizer.json", "model.safetensors", "m-Q4_K_M.gguf");
    assert.equal((await resolveModel("a/both")).gguf, undefined);
    assert.equal(await found("a/both:Q4_K_M"), "m-Q4_K_M.gguf");
    // Both lie in the cache now.
    assert.equal((await resolveModel("a/both")).gguf, undefined);
    assert.equal(await found("a/both:Q4_K_M"), "m-Q4_K_M.gguf");
  });

  it("come with all the parts that they are split into", async () => {
    const parts = [1, 2, 3].map((n) => `Q4_K_M/m-Q4_K_M-0000${n}-of-00003.gguf`);
    repo("a/split", ...parts, "m-Q8_0.gguf");
    for (const name of ["a/split", "a/split:q4_k_m", `a/split/${parts[0]}`]) {
      rmSync(join(folder, "hub"), { recursive: true, force: true });
      const { gguf, path } = await resolveModel(name);
      assert.equal(gguf, path);
      assert.ok(path.endsWith(parts[0] as string));
      for (const part of parts) assert.ok(existsSync(join(path, "../..", part)), part);
    }
    rmSync(join(folder, "hub"), { recursive: true, force: true });
    repo("a/split", ...parts.slice(0, 2));
    await rejects(resolveModel("a/split"), /has no Q4_K_M\/m-Q4_K_M-00003-of-00003\.gguf/);
  });

  it("are chosen alike from the cache: without asking for more than the commit where it is known, and without a network", async () => {
    repo("a/microsoft", "m-fp16.gguf", "m-q4.gguf");
    repo("a/usual", "m-Q8_0.gguf", "m-Q4_K_M.gguf");
    assert.equal(await found("a/microsoft"), "m-q4.gguf");
    assert.equal(await found("a/usual:Q8_0"), "m-Q8_0.gguf");
    server.seen.length = 0;
    for (const name of ["a/microsoft", "a/microsoft:q4", "a/microsoft/m-q4.gguf"])
      assert.equal(await found(name), "m-q4.gguf");
    assert.equal(await found("a/usual:Q8_0"), "m-Q8_0.gguf");
    assert.ok(
      server.seen.every(({ path }) => path.includes("/revision/")) && server.seen.length === 4,
      "the cache knows",
    );
    // What was fetched by its name does not stand in for what would be chosen.
    assert.equal(await found("a/usual"), "m-Q4_K_M.gguf");
    process.env.HF_HUB_OFFLINE = "1";
    server.seen.length = 0;
    assert.equal(await found("a/microsoft"), "m-q4.gguf");
    assert.equal(await found("a/usual"), "m-Q4_K_M.gguf");
    await rejects(resolveModel("a/microsoft:fp16"), /not \(or not wholly\) in the cache/);
    assert.equal(server.seen.length, 0);
  });

  it("are told from paths that are not there", async () => {
    await rejects(resolveModel("./a/b/c.gguf"), /no model at \.\/a\/b\/c\.gguf/);
    await rejects(resolveModel("c.gguf"), /no model at c\.gguf/);
    await rejects(resolveModel("test/src/none.gguf"), /no model at test\/src\/none\.gguf/);
    await rejects(resolveModel("a/b/../c.gguf"), /is neither/);
    await rejects(resolveModel("a/b:"), /is neither/);
    assert.equal(server.seen.length, 0);
  });

  it("of a local folder are chosen by the same rule", async () => {
    const local = join(folder, "local");
    mkdirSync(local);
    const write = (name: string): void => writeFileSync(join(local, name), name);
    for (const name of ["m-Q8_0.gguf", "m-Q4_K_M-00002-of-00002.gguf", "m-Q4_K_M-00001-of-00002.gguf"]) write(name);
    assert.equal(await found(local), "m-Q4_K_M-00001-of-00002.gguf");
  });

  it("give model and tokenizer, as microsoft/Phi-3-mini-4k-instruct-gguf does", async function () {
    const id = "microsoft/Phi-3-mini-4k-instruct-gguf";
    const files = {
      "Phi-3-mini-4k-instruct-q4.gguf": readFileSync(needSmollm2(this)),
      "config.json": Buffer.from('{"model_type": "phi3"}'),
    };
    server.repos.set(id, { id, commit, files });
    const tokenizer = await AutoTokenizer.from_pretrained(id);
    assert.deepEqual(tokenizer.encode("The capital of France is"), [504, 3575, 282, 4649, 314]);
    const generator = await pipeline("text-generation", id, { device: "cpu" });
    try {
      const [output] = await generator("The capital of France is", { max_new_tokens: 1, return_full_text: false });
      assert.equal(output?.generated_text, " Paris");
    } finally {
      await generator.model.dispose();
    }
  });
});

describe("the choice of a GGUF file", () => {
  it("counts a split file once, and knows its parts", () => {
    const names = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
    assert.deepEqual(chooseGguf(names), { file: names[0], parts: names });
    assert.deepEqual(ggufParts("m.gguf"), ["m.gguf"]);
  });

  it("takes the names that people give their files", () => {
    for (const name of ["m_q4_k_m.gguf", "m.Q4_K_M.gguf", "m-Q4_K_M-imat.gguf", "Q4_K_M/m.gguf", "Q4_K_M.gguf"])
      assert.deepEqual(chooseGguf([name, "m-IQ4_K_M.gguf", "m-Q4_K_M_L.gguf"], "Q4_K_M"), {
        file: name,
        parts: [name],
      });
  });

  it("tells Q4_K_M from UD-Q4_K_M only where both are there", () => {
    assert.deepEqual(chooseGguf(["m-UD-Q4_K_XL.gguf"], "Q4_K_XL"), {
      file: "m-UD-Q4_K_XL.gguf",
      parts: ["m-UD-Q4_K_XL.gguf"],
    });
    assert.ok("problem" in chooseGguf(["m-UD-Q4_K_XL.gguf", "m-Q4_K_XL.gguf"], "Q4_K_XL"));
  });

  it("passes over what only looks like a model, or like a part of one", () => {
    const file = (name: string) => ({ file: name, parts: [name] });
    assert.deepEqual(
      chooseGguf(["mmproj-f16.gguf", "sub/mmproj-f16.gguf", "m.imatrix.gguf", "m.gguf.json", "m.gguf"]),
      file("m.gguf"),
    );
    assert.deepEqual(chooseGguf(["my-mmproj.gguf"]), file("my-mmproj.gguf"));
    assert.deepEqual(chooseGguf(["M.GGUF"]), file("M.GGUF"));
    assert.deepEqual(ggufParts("m-1-of-2.gguf"), ["m-1-of-2.gguf"]);
    assert.deepEqual(ggufParts("m-00001-of-00002.gguf.gguf"), ["m-00001-of-00002.gguf.gguf"]);
    assert.deepEqual(chooseGguf(["m-00002-of-00002.gguf"]), { problem: "has no GGUF file" });
  });

  it("finds a quantisation's name whole, wherever it stands, and a second time where the first is a part", () => {
    const has = (name: string, tag: string) => "file" in chooseGguf([name, "other-BF16.gguf"], tag);
    for (const name of [
      "q8_0.gguf",
      "m-q8_0.gguf",
      "m.q8_0.gguf",
      "m_q8_0.gguf",
      "q8_0/m.gguf",
      "m-q8_0-x.gguf",
      "m-q8_0.x.gguf",
      "xq8_0-q8_0.gguf",
    ])
      assert.ok(has(name, "Q8_0"), name);
    for (const name of ["q8_01.gguf", "mq8_0.gguf", "m-q8_0_x.gguf", "m-q8.gguf"]) assert.ok(!has(name, "Q8_0"), name);
    // A name without a digit is no part of one with an underscore.
    assert.ok(!has("m-IQ4_XS.gguf", "XS"));
    assert.ok(has("m-XS.gguf", "XS"));
    assert.ok(!has("m_XS4.gguf", "XS4.") && has("m_XS4.gguf", "XS4"));
  });

  it("names the files in order in the sentence that asks to choose", () => {
    assert.deepEqual(chooseGguf(["b/y-Q8_0.gguf", "a/z-Q8_0.gguf"], "q8_0"), {
      problem: "has several GGUF files of q8_0; choose one as gguf_file: a/z-Q8_0.gguf, b/y-Q8_0.gguf",
    });
    assert.deepEqual(chooseGguf(["b/y.gguf", "a/z.gguf"]), {
      problem: "has 2 GGUF files; name one's quantisation behind a colon, or choose one as gguf_file: z.gguf, y.gguf",
    });
    assert.deepEqual(chooseGguf(["y.gguf"], "q4"), { problem: "has no GGUF file of q4; it has y.gguf" });
  });
});
