/**
 * One cache under this library and Python's huggingface_hub: each takes what the other has fetched. What Python leaves is
 * stored (python_caches.ts asked it); where there is a Python, it is asked anew and made to read ours.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { resolveModel } from "../../../src/hub";
import { readName } from "../../../src/hub/name";
import { referencePython } from "../reference";
import * as caches from "./python_caches";
import stored from "./python_caches.json";
import { HubSandbox } from "./sandbox";
import type { HubServer, Repo } from "./server";
import { commit, id, modelFiles } from "./tiny_files";

describe("What Python's huggingface_hub has", function () {
  this.timeout(60_000);
  let sandbox: HubSandbox;
  beforeEach(async () => {
    sandbox = await HubSandbox.start();
  });
  afterEach(() => sandbox.stop());
  const cache = () => join(sandbox.folder, "hub", "models--acme--tiny");
  const fetch = async (history: (typeof caches.histories)[string]) => {
    for (const one of history) {
      caches.setHub(sandbox.server, one);
      await resolveModel(caches.id, { revision: one.revision, ...(one.only && { only: one.only }) });
    }
  };

  for (const [name, history] of Object.entries(caches.histories)) {
    const tree = (stored.caches as Record<string, caches.Tree>)[name] as caches.Tree;

    it(`in a cache is what we leave there, file by file, link by link: ${name}`, async () => {
      await fetch(history);
      assert.deepEqual(caches.treeOf(cache()), tree);
    });

    it(`left in a cache serves offline, and is not fetched again: ${name}`, async () => {
      const contents = [caches.first, caches.second].flatMap((commit) => Object.values(caches.filesAt(commit)));
      caches.plant(cache(), tree, contents);
      const { main, revision, only } = history.at(-1) as (typeof history)[number];
      const options = { revision, ...(only && { only }) };
      const { path } = await resolveModel(caches.id, { ...options, local_files_only: true });
      const files = caches.filesAt(main);
      for (const file of only === "weights"
        ? ["config.json"]
        : ["tokenizer.json", "additional_chat_templates/rag.jinja"])
        assert.deepEqual(readFileSync(join(path, file)), files[file]);
      caches.setHub(sandbox.server, { main, revision });
      await resolveModel(caches.id, options);
      assert.deepEqual(
        sandbox.server.seen.filter(({ path }) => path.includes("/resolve/")),
        [],
      );
    });
  }

  it("for a name is what we have: the repository, the revision, the file", () => {
    for (const [name, id, revision, file] of stored.names as (string | null)[][]) {
      if (id === null) assert.throws(() => readName(name as string), { name: "HubError" }, String(name));
      else {
        const found = readName(name as string);
        assert.deepEqual(
          [found.id, found.revision ?? "main", found.gguf_file ?? ""],
          [id, revision, file],
          String(name),
        );
      }
    }
    assert.equal(stored.names.length, caches.names.length);
  });

  it("is what was stored of it", async function () {
    const python = referencePython(this, "huggingface_hub");
    assert.deepEqual(await caches.ask(python), stored);
  });
});

describe("The cache beside Python's huggingface_hub", function () {
  this.timeout(120_000);
  let server: HubServer;
  let repo: Repo;
  let sandbox: HubSandbox;
  beforeEach(async () => {
    sandbox = await HubSandbox.start();
    ({ server } = sandbox);
    repo = { id, commit, files: modelFiles() };
    server.repos.set(id, repo);
  });
  afterEach(() => sandbox.stop());
  const cache = () => join(sandbox.folder, "hub", "models--acme--tiny");
  const content = (path: string, file: string) => readFileSync(join(path, file));

  let python: string;
  const run = async (code: string) => {
    const { stdout } = await promisify(execFile)(python, ["-c", code], {
      env: { ...process.env, HF_HUB_DISABLE_XET: "1" },
    });
    return stdout.trim();
  };

  before(function () {
    python = referencePython(this, "huggingface_hub");
  });

  it("leaves a cache that it reads", async () => {
    const { path } = await resolveModel(id);
    const found = await run(
      `from huggingface_hub import hf_hub_download as d; print(d("${id}", "config.json", local_files_only=True))`,
    );
    assert.equal(found, join(path, "config.json"));
    const known = await run(
      "from huggingface_hub import scan_cache_dir as s; i = s(); print(len(i.warnings), [(r.repo_id, r.nb_files) for r in i.repos])",
    );
    assert.equal(known, "0 [('acme/tiny', 7)]");
  });

  it("takes a branch that moved as it does, each the other's files, online and off", async () => {
    const names = ["config.json", "tokenizer.json", "tokenizer_config.json"];
    const theirs = (more = "") =>
      run(
        `from huggingface_hub import hf_hub_download as d\nfor f in ${JSON.stringify(names)}: print(open(d("${id}", f${more}), "rb").read().hex())`,
      );
    const ours = async (options = {}) => {
      const { path } = await resolveModel(id, { only: "tokenizer", ...options });
      return [content(path, "tokenizer.json"), content(path, "tokenizer_config.json")].map((file) =>
        file.toString("hex"),
      );
    };
    for (const round of [1, 2, 3, 4]) {
      const moved = round.toString().repeat(40);
      const files = {
        ...repo.files,
        "tokenizer.json": randomBytes(5000),
        "config.json": Buffer.from(`{"a": ${round}}`),
      };
      server.repos.set(id, { id, commit: moved, files });
      const right = names.map((name) => (files as Record<string, Buffer>)[name]?.toString("hex"));
      // Whoever comes first fetches it.
      const [first, second] = round % 2 === 0 ? [await theirs(), await ours()] : [await ours(), await theirs()];
      const [them, us] = round % 2 === 0 ? [first, second] : [second, first];
      assert.deepEqual(String(them).split("\n"), right);
      assert.deepEqual(us, right.slice(1));
      assert.deepEqual((await theirs(", local_files_only=True")).split("\n"), right);
      assert.deepEqual(await ours({ local_files_only: true }), right.slice(1));
    }
  });

  it("serves a commit that it fetched by its name offline, without a note of the branch", async () => {
    await run(
      `from huggingface_hub import hf_hub_download as d\nfor f in ["tokenizer.json", "tokenizer_config.json"]: d("${id}", f, revision="${commit}")`,
    );
    assert.ok(!existsSync(join(cache(), "refs")));
    process.env.HF_HUB_OFFLINE = "1";
    const { path } = await resolveModel(`${id}@${commit}`, { only: "tokenizer" });
    assert.deepEqual(content(path, "tokenizer.json"), repo.files["tokenizer.json"]);
  });

  it("reads a cache that it wrote, whole or in part", async () => {
    const files = [
      "config.json",
      "generation_config.json",
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ];
    await run(`from huggingface_hub import hf_hub_download as d\nfor f in ${JSON.stringify(files)}: d("${id}", f)`);
    server.seen.length = 0;
    const { path } = await resolveModel(id, { only: "weights" });
    assert.deepEqual(content(path, "model-00001-of-00002.safetensors"), repo.files["model-00001-of-00002.safetensors"]);
    assert.equal(server.seen.length, 1);
    await resolveModel(id, { only: "tokenizer" });
    assert.equal(server.requests("config.json").length, 0);
  });
});
