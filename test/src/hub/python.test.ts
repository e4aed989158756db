/** One cache under this library and Python's huggingface_hub: each takes what the other has fetched. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { resolveModel } from "../../../src/hub";
import { referencePython } from "../reference";
import { HubSandbox } from "./sandbox";
import type { HubServer, Repo } from "./server";
import { commit, id, modelFiles } from "./tiny_files";

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
