/** Which files of a model are fetched, for what is wanted of it, and what is said of those that are missing. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import promises from "node:fs/promises";
import { join } from "node:path";
import { mock } from "node:test";
import { resolveModel } from "../../../src/hub";
import { WeightsError } from "../../../src/weights";
import { HubSandbox, rejects } from "./sandbox";

const commit = "0123456789abcdef0123456789abcdef01234567";
const id = "acme/tiny";

describe("The files of a model", () => {
  let sandbox: HubSandbox;
  let snapshot: string;
  beforeEach(async () => {
    sandbox = await HubSandbox.start();
    snapshot = join(sandbox.folder, "hub/models--acme--tiny/snapshots", commit);
  });
  afterEach(() => sandbox.stop());

  /** The hub's only model has these files, which hold their names unless said otherwise. */
  const has = (...files: (string | [name: string, text: string])[]): void => {
    const contents = files.map((file) => (typeof file === "string" ? [file, file] : file) as [string, string]);
    sandbox.server.repos.set(id, {
      id,
      commit,
      files: Object.fromEntries(contents.map(([name, text]) => [name, Buffer.from(text)])),
    });
  };
  const here = (folder = snapshot) => readdirSync(folder).sort();
  const absent = () => here(join(snapshot, "../../.no_exist", commit));
  /** What is asked of the hub from now on: once where all lies here, namely which commit main is. */
  const asked = async (work: () => Promise<unknown>): Promise<number> => {
    sandbox.server.seen.length = 0;
    await work();
    return sandbox.server.seen.length;
  };
  const files = ["config.json", "model.safetensors", "tokenizer.json"];

  it("are of a tokenizer all that it is read from, and those that other tools look for", async () => {
    has("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "chat_template.json", "vocab.txt");
    const { path, folder, gguf, commit: found } = await resolveModel(id, { only: "tokenizer" });
    assert.deepEqual([path, folder, gguf, found], [snapshot, snapshot, undefined, commit]);
    assert.deepEqual(here(), ["chat_template.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json"]);
    assert.deepEqual(absent(), ["additional_chat_templates", "chat_template.jinja", "special_tokens_map.json"]);
    assert.equal(await asked(() => resolveModel(id, { only: "tokenizer" })), 1);
  });

  it("are of a tokenizer its chat templates by name, too, each fetched again where it is gone", async () => {
    const folder = "additional_chat_templates";
    has(
      "tokenizer.json",
      `${folder}/rag.jinja`,
      `${folder}/tool_use.jinja`,
      `${folder}/deeper/no.jinja`,
      `${folder}/no.txt`,
    );
    await resolveModel(id, { only: "weights" }).catch(() => undefined);
    await resolveModel(id, { only: "tokenizer" });
    assert.deepEqual(here(join(snapshot, folder)), ["rag.jinja", "tool_use.jinja"]);
    assert.ok(!absent().includes(folder));
    assert.equal(await asked(() => resolveModel(id, { only: "tokenizer" })), 1);
    rmSync(realpathSync(join(snapshot, folder, "rag.jinja")));
    await resolveModel(id, { only: "tokenizer" });
    assert.equal(readFileSync(join(snapshot, folder, "rag.jinja"), "utf8"), `${folder}/rag.jinja`);
    await resolveModel(id, { only: "tokenizer", local_files_only: true });
  });

  it("are of the weights config.json, the file of all or each shard, and generation_config.json where there is one", async () => {
    has(...files);
    await resolveModel(id, { only: "weights" });
    assert.deepEqual([here(), absent()], [["config.json", "model.safetensors"], ["generation_config.json"]]);
    assert.equal(await asked(() => resolveModel(id, { only: "weights" })), 1);
    await rejects(
      resolveModel(id, { only: "tokenizer", local_files_only: true }),
      /not \(or not wholly\) in the cache/,
    );
    rmSync(join(snapshot, "../../.no_exist"), { recursive: true });
    assert.ok((await asked(() => resolveModel(id, { only: "weights" }))) > 1, "there may be a generation_config.json");
    rmSync(join(snapshot, "../.."), { recursive: true });
    const index = JSON.stringify({ weight_map: { a: "one.safetensors", b: "two.safetensors", c: "one.safetensors" } });
    const more = ["config.json", "generation_config.json", "one.safetensors", "three.safetensors", "two.safetensors"];
    has(...more, ["model.safetensors.index.json", index]);
    await resolveModel(id, { only: "weights" });
    const [config, generation, one, , two] = more as [string, string, string, string, string];
    assert.deepEqual(here(), [config, generation, "model.safetensors.index.json", one, two]);
    assert.equal(await asked(() => resolveModel(id, { only: "weights" })), 1);
    rmSync(join(snapshot, two));
    assert.ok((await asked(() => resolveModel(id, { only: "weights" }))) > 1);
    assert.ok(existsSync(join(snapshot, two)));
  });

  it("are of an adapter its configuration and its weights", async () => {
    has("adapter_config.json", "adapter_model.safetensors", "README.md", "tokenizer.json");
    const { path } = await resolveModel(id, { only: "adapter" });
    assert.deepEqual([path, here()], [snapshot, ["adapter_config.json", "adapter_model.safetensors"]]);
    assert.equal(await asked(() => resolveModel(id, { only: "adapter" })), 1);
    rmSync(join(snapshot, "adapter_model.safetensors"));
    await rejects(resolveModel(id, { only: "adapter", local_files_only: true }), /not \(or not wholly\) in the cache/);
    has("adapter_config.json", "adapter_model.bin");
    rmSync(join(snapshot, "../.."), { recursive: true });
    await rejects(
      resolveModel(id, { only: "adapter" }),
      /^acme\/tiny has no adapter_model\.safetensors: it is no LoRA adapter in safetensors\.$/,
    );
  });

  it("that are missing are named, with the GGUF files that are there instead", async () => {
    has("tokenizer.json", "README.md");
    await rejects(resolveModel(id), /^acme\/tiny has no config\.json: it is no transformers model\.$/);
    has("model.safetensors", "config.json");
    await rejects(resolveModel(id), /^acme\/tiny has no tokenizer\.json\.$/);
    has("model.safetensors", "config.json", "tokenizer.model", "tokenizer_config.json");
    await rejects(
      resolveModel(id),
      /^acme\/tiny has no tokenizer\.json\. It has tokenizer\.model, of which Python's transformers makes one: python -c ".+T\.from_pretrained\('acme\/tiny'\)\.save_pretrained\('converted'\)"\.$/,
    );
    has("model.safetensors", "m-Q8_0.gguf", "sub/n-Q6_K.gguf");
    await rejects(
      resolveModel(id),
      /^acme\/tiny has no tokenizer\.json\. It has GGUF files; choose one as gguf_file: m-Q8_0\.gguf\.$/,
    );
    await rejects(
      resolveModel(id, { only: "weights" }),
      /no transformers model\. It has GGUF files; choose one as gguf_file: m-Q8_0\.gguf\.$/,
    );
    await rejects(
      resolveModel(id, { gguf_file: "x.gguf" }),
      /^acme\/tiny has no x\.gguf\. It has GGUF files; .+: m-Q8_0\.gguf, n-Q6_K\.gguf\.$/,
    );
    const index = JSON.stringify({
      weight_map: { a: "one.safetensors", b: "two.safetensors", c: "three.safetensors" },
    });
    has("config.json", "one.safetensors", ["model.safetensors.index.json", index]);
    await rejects(
      resolveModel(id, { only: "weights" }),
      /^acme\/tiny names three\.safetensors, two\.safetensors in its files but does not have it\.$/,
    );
    has("config.json", ["model.safetensors.index.json", "{}"]);
    await assert.rejects(resolveModel(id, { only: "weights" }), WeightsError);
  });

  it("lie in a subfolder where that is said, and in a cache of their own", async () => {
    has(...files.map((name) => `sub/deep/${name}`));
    const cache_dir = join(sandbox.folder, "mine");
    const { path } = await resolveModel(id, { subfolder: "/sub/deep/", cache_dir });
    assert.equal(path, join(cache_dir, "models--acme--tiny/snapshots", commit, "sub/deep"));
    assert.deepEqual(here(path), files);
    assert.ok(!existsSync(snapshot));
    assert.equal(await asked(() => resolveModel(id, { subfolder: "sub/deep", cache_dir })), 1);
    await rejects(
      resolveModel(id, { cache_dir, local_files_only: true }),
      /in the cache \/.+mine, and local_files_only is set/,
    );
  });

  it("are of the revision that is named, if that can be one", async () => {
    has(...files);
    await resolveModel(id, { revision: commit });
    assert.ok(!existsSync(join(snapshot, "../../refs")), "a commit needs no name");
    await resolveModel(id);
    assert.equal(readFileSync(join(snapshot, "../../refs/main"), "utf8"), commit);
    for (const revision of ["", " ", "-a", "a b", "a..b", "../a", "a:b", "ä", "/a"])
      await rejects(resolveModel(id, { revision }), /^".*" is no valid revision\.$/);
    await assert.rejects(resolveModel(id, { revision: "refs/pr/1" }), { status: 404 }, "the hub was asked");
    for (const options of [{ subfolder: "a/../b" }, { gguf_file: "../a.gguf" }, { subfolder: "a\\..\\b" }])
      await rejects(resolveModel(id, options), /^".+" leads out of the model's folder\.$/);
  });

  it("are taken from the cache where nothing may be fetched, as far as they are there", async () => {
    has(...files);
    process.env.HF_HUB_OFFLINE = "1";
    const refused =
      /^acme\/tiny is not \(or not wholly\) in the cache \/.+hub, and HF_HUB_OFFLINE is set, so nothing is fetched\.$/;
    await rejects(resolveModel(id), refused);
    await resolveModel(id, { local_files_only: false, only: "tokenizer" });
    assert.deepEqual(here(), ["tokenizer.json"]);
    assert.equal((await resolveModel(id, { only: "tokenizer" })).path, snapshot);
    await rejects(resolveModel(id), refused);
    await rejects(resolveModel(id, { only: "weights" }), refused);
    // What another tool has fetched is enough, though nobody noted what there is not.
    for (const name of files) writeFileSync(join(snapshot, name), "{}");
    rmSync(join(snapshot, "../../.no_exist"), { recursive: true });
    assert.equal((await resolveModel(id)).path, snapshot);
    rmSync(join(snapshot, "config.json"));
    await rejects(resolveModel(id), refused);
  });

  it("are asked for at the hub where the cache cannot say that they are all, and taken from it where there is none", async () => {
    has(...files);
    await resolveModel(id);
    assert.equal(await asked(() => resolveModel(id)), 1);
    rmSync(join(snapshot, "../../.no_exist"), { recursive: true });
    assert.ok((await asked(() => resolveModel(id))) > 1);
    rmSync(join(snapshot, "../../.no_exist"), { recursive: true });
    sandbox.server.faults.statuses.set("revision", [503, 503]);
    assert.equal(await asked(() => resolveModel(id)), 1, "one try is enough where they lie here");
    sandbox.server.faults.statuses.clear();
    rmSync(join(snapshot, "model.safetensors"));
    await resolveModel(id);
    assert.ok(existsSync(join(snapshot, "model.safetensors")));
  });

  it("need a cache that may be written; the sentence says which folder may not", async () => {
    has(...files);
    const refuse = (code: string, path?: string) => {
      const error = Object.assign(new Error(`${code}: no`), { code, syscall: "mkdir", path });
      return mock.method(promises, "mkdir", () => Promise.reject(error));
    };
    for (const code of ["EACCES", "EROFS", "EPERM"]) {
      const refused = refuse(code, "/some/where");
      try {
        await rejects(
          resolveModel(id),
          /^The model cache \/some\/where may not be written; set HF_HUB_CACHE to a folder of yours\.$/,
        );
      } finally {
        refused.mock.restore();
      }
    }
    const broken = refuse("EIO");
    try {
      await rejects(resolveModel(id), /^The model cache \/.+\/hub cannot be written \(EIO: no\); set HF_HUB_CACHE/);
    } finally {
      broken.mock.restore();
    }
    const odd = mock.method(promises, "mkdir", () => Promise.reject(new Error("odd")));
    try {
      await rejects(resolveModel(id), /^acme\/tiny could not be fetched from http:.+: odd\.$/);
    } finally {
      odd.mock.restore();
    }
  });

  it("of a GGUF file are noted, so that the hub is not asked again, until a better one is there", async () => {
    has("m-q4.gguf", "m-Q8_0.gguf", "config.json");
    assert.equal((await resolveModel(id)).gguf, join(snapshot, "m-q4.gguf"));
    assert.deepEqual(absent(), ["Q4_K_M.gguf", "model.safetensors"]);
    assert.equal(await asked(() => resolveModel(id)), 1);
    rmSync(join(snapshot, "../../.no_exist/"), { recursive: true });
    assert.ok((await asked(() => resolveModel(id))) > 1);
    // The tokenizer's own files are taken before the GGUF file's.
    mkdirSync(snapshot, { recursive: true });
    has("tokenizer.json", "m-q4.gguf");
    rmSync(join(snapshot, "../.."), { recursive: true });
    assert.equal((await resolveModel(id, { only: "tokenizer" })).gguf, undefined);
    assert.equal((await resolveModel(id, { only: "weights" })).gguf, join(snapshot, "m-q4.gguf"));
    assert.equal((await resolveModel(id, { only: "tokenizer" })).gguf, undefined);
  });

  it("of a GGUF file lie in a subfolder, too", async () => {
    has("q/m-Q8_0.gguf", "q/deep/n-Q6_K.gguf", "m-Q8_0.gguf");
    assert.equal((await resolveModel(`${id}:Q6_K`, { subfolder: "q" })).path, join(snapshot, "q/deep/n-Q6_K.gguf"));
    assert.equal((await resolveModel(`${id}:Q8_0`, { subfolder: "q" })).path, join(snapshot, "q/m-Q8_0.gguf"));
    process.env.HF_HUB_OFFLINE = "1";
    assert.equal((await resolveModel(`${id}:q6_k`, { subfolder: "//q//" })).path, join(snapshot, "q/deep/n-Q6_K.gguf"));
    await rejects(resolveModel("  "), /received an empty name\.$/);
  });
});
