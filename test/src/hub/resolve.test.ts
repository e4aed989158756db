/** Models are found and fetched as DESIGN.md promises; against a hub on the loopback. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ProgressInfo, resolveModel } from "../../../src/hub";
import { HubSandbox, rejects } from "./sandbox";
import type { HubServer, Repo } from "./server";
import { commit, id, modelFiles } from "./tiny_files";

describe("resolveModel", function () {
  this.timeout(60_000);
  let server: HubServer;
  let folder: string;
  let repo: Repo;
  let sandbox: HubSandbox;

  beforeEach(async () => {
    sandbox = await HubSandbox.start();
    ({ server, folder } = sandbox);
    repo = { id, commit, files: modelFiles() };
    server.repos.set(id, repo);
  });

  afterEach(() => sandbox.stop());

  const cache = () => join(folder, "hub", "models--acme--tiny");
  const content = (path: string, file: string) => readFileSync(join(path, file));

  it("fetches configuration, tokenizer and shards into the shared cache's layout, and nothing else", async () => {
    const { path, commit: found } = await resolveModel(id);
    assert.equal(found, commit);
    assert.equal(path, join(cache(), "snapshots", commit));
    const expected = Object.keys(repo.files).filter((name) => !/pytorch|README|\//.test(name));
    assert.deepEqual(readdirSync(path).sort(), expected.sort());
    for (const file of expected) assert.deepEqual(content(path, file), repo.files[file], file);
    assert.equal(readFileSync(join(cache(), "refs", "main"), "utf8"), commit);
    assert.ok(lstatSync(join(path, "config.json")).isSymbolicLink());
    assert.match(readlinkSync(join(path, "config.json")), /^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    assert.equal(readdirSync(join(cache(), "blobs")).filter((name) => name.includes("incomplete")).length, 0);
  });

  it("asks only which commit main is when the cache has it all, and nothing where a commit was named", async () => {
    await resolveModel(id);
    server.seen.length = 0;
    const again = await resolveModel(id);
    assert.ok(existsSync(join(again.path, "model-00002-of-00002.safetensors")));
    assert.deepEqual(
      server.seen.map(({ path }) => path),
      [`/api/models/${id}/revision/main`],
    );
    server.seen.length = 0;
    assert.equal((await resolveModel(`${id}@${commit}`)).path, again.path);
    assert.equal(server.seen.length, 0);
  });

  it("fetches only the half that is wanted", async () => {
    const { path } = await resolveModel(id, { only: "tokenizer" });
    assert.deepEqual(readdirSync(path).sort(), ["tokenizer.json", "tokenizer_config.json"]);
    await resolveModel(id, { only: "weights" });
    assert.equal(server.requests("tokenizer.json").length, 2, "hub and its other host, once");
  });

  it("goes on within one call when the connection breaks in mid-file", async () => {
    server.faults.breakAfter.set("model-00001-of-00002.safetensors", [1_000_000, 500_000]);
    const { path } = await resolveModel(id);
    const file = "model-00001-of-00002.safetensors";
    assert.deepEqual(content(path, file), repo.files[file]);
    const ranges = server
      .requests(file)
      .filter(({ host }) => host === "cdn")
      .map(({ range }) => Number(/\d+/.exec(range ?? "0")?.[0]));
    assert.equal(ranges.length, 3);
    assert.equal(ranges[0], 0);
    assert.ok((ranges[1] as number) > 0 && (ranges[2] as number) > (ranges[1] as number), String(ranges));
  });

  it("goes on where the last call was interrupted", async () => {
    const file = "model-00001-of-00002.safetensors";
    server.faults.slow = 20;
    const stop = new AbortController();
    const progress_callback = (info: ProgressInfo) => {
      if (info.file === file && info.loaded > 1_000_000) stop.abort();
    };
    await rejects(resolveModel(id, { signal: stop.signal, progress_callback }), /interrupted/, /next call/);
    const partial = readdirSync(join(cache(), "blobs")).filter((name) => name.endsWith(".incomplete"));
    assert.ok(partial.length >= 1, "and of the other shard, if it had come as far");
    assert.ok(!existsSync(join(cache(), "snapshots", commit, file)));
    server.faults.slow = 0;
    server.seen.length = 0;
    const { path } = await resolveModel(id);
    assert.deepEqual(content(path, file), repo.files[file]);
    const [request] = server.requests(file).filter(({ host }) => host === "cdn");
    assert.match(request?.range ?? "", /^bytes=[1-9]\d{5,}-$/);
  });

  it("goes on after the process was killed", async () => {
    server.faults.slow = 100;
    const script = `require("${join(__dirname, "../../../src/hub")}").resolveModel("${id}", { only: "weights" })`;
    const child = spawn(process.execPath, ["--require", "tsx/cjs", "-e", script], {
      stdio: "ignore",
      env: process.env,
    });
    const blobs = join(cache(), "blobs");
    const started = () =>
      existsSync(blobs) &&
      readdirSync(blobs).some((name) => name.endsWith(".incomplete") && lstatSync(join(blobs, name)).size > 500_000);
    for (let i = 0; i < 300 && !started(); i++) await sleep(50);
    assert.ok(started(), "the child began");
    child.kill("SIGKILL");
    await new Promise((done) => child.once("close", done));
    server.faults.slow = 0;
    const { path } = await resolveModel(id);
    const file = "model-00001-of-00002.safetensors";
    assert.deepEqual(content(path, file), repo.files[file]);
    assert.ok(
      server.requests(file).some(({ range }) => /^bytes=[1-9]/.test(range ?? "")),
      "resumed",
    );
  });

  it("begins anew where the server cannot resume", async () => {
    server.faults.ignoreRanges = true;
    server.faults.breakAfter.set("model-00001-of-00002.safetensors", [1_000_000]);
    const { path } = await resolveModel(id);
    assert.deepEqual(content(path, "model-00001-of-00002.safetensors"), repo.files["model-00001-of-00002.safetensors"]);
  });

  it("notices damage on the way by the hash and keeps nothing of it", async () => {
    const file = "model-00002-of-00002.safetensors";
    const wrong = Buffer.from(repo.files[file] as Buffer);
    wrong[1234] = (wrong[1234] as number) ^ 1;
    server.faults.wrong.set(file, wrong);
    await rejects(resolveModel(id), /arrived damaged/, /model-00002/);
    assert.ok(!existsSync(join(cache(), "snapshots", commit, file)));
    server.faults.wrong.clear();
    const { path } = await resolveModel(id);
    assert.deepEqual(content(path, file), repo.files[file]);
  });

  it("checks small files by git's hash", async () => {
    server.faults.wrong.set("config.json", Buffer.from('{"model_type": "phi4"}'));
    await rejects(resolveModel(id), /config\.json.* arrived damaged/);
  });

  it("tries again after passing failures, and says so when they do not pass", async () => {
    server.faults.statuses.set("tokenizer.json", [503, 429]);
    await resolveModel(id, { only: "tokenizer" });
    server.faults.statuses.set("config.json", [500, 500, 500, 500, 500, 500]);
    await rejects(resolveModel(id, { only: "weights" }), /answered 500/, /5 times/, /try again later/);
  });

  it("sends the token to the hub and never to the host that large files are redirected to", async () => {
    repo.token = "hf_secret";
    await resolveModel(id, { token: "hf_secret" });
    const at = (host: string) => server.seen.filter((seen) => seen.host === host);
    assert.ok(at("cdn").length > 0 && at("hub").length > 0);
    assert.ok(at("hub").every(({ authorization }) => authorization === "Bearer hf_secret"));
    assert.ok(at("cdn").every(({ authorization }) => authorization === undefined));
  });

  it("takes the token from HF_TOKEN, or from the file of hf auth login, unless told not to", async () => {
    repo.token = "hf_saved";
    process.env.HF_TOKEN = "hf_saved";
    await resolveModel(id, { only: "tokenizer" });
    delete process.env.HF_TOKEN;
    writeFileSync(join(folder, "token"), "hf_saved\n");
    await resolveModel(id, { only: "weights" });
    rmSync(join(folder, "hub"), { recursive: true });
    await rejects(resolveModel(id, { token: false }), /HF_TOKEN/);
  });

  it("answers 401, 403 and 404 with what to do", async () => {
    repo.token = "hf_right";
    await rejects(resolveModel(id), /no model "acme\/tiny"/, /set HF_TOKEN/);
    await rejects(resolveModel(id, { token: "hf_wrong" }), /does not accept your token/);
    repo.token = undefined;
    await rejects(resolveModel("acme/none"), /no model "acme\/none"/, /check its name/);
    await rejects(resolveModel(id, { revision: "v9" }), /no revision "v9"/);
    server.faults.statuses.set("config.json", [403]);
    await rejects(resolveModel(id, { only: "weights" }), /Ask for access at/);
  });

  it("fetches nothing when HF_HUB_OFFLINE or local_files_only says so, and uses what lies there", async () => {
    process.env.HF_HUB_OFFLINE = "1";
    await rejects(resolveModel(id), /HF_HUB_OFFLINE/, /cache/);
    assert.equal(server.seen.length, 0);
    delete process.env.HF_HUB_OFFLINE;
    await rejects(resolveModel(id, { local_files_only: true }), /local_files_only/);
    await resolveModel(id);
    process.env.HF_HUB_OFFLINE = "1";
    server.seen.length = 0;
    assert.ok(existsSync((await resolveModel(id)).path));
    assert.equal(server.seen.length, 0);
  });

  it("uses what lies in the cache when the network is gone, and otherwise says that it is", async () => {
    await resolveModel(id);
    // As another tool leaves it: nobody noted what this commit lacks.
    rmSync(join(cache(), ".no_exist"), { recursive: true });
    process.env.HF_ENDPOINT = "http://127.0.0.1:9";
    assert.ok(existsSync((await resolveModel(id)).path));
    await rejects(resolveModel("acme/other"), /cannot be reached/, /ECONNREFUSED|fetch failed|bad port/);
  });

  it("reads subfolders, other revisions and single .gguf files", async () => {
    const sub = await resolveModel(id, { subfolder: "small", only: "weights" });
    assert.ok(existsSync(join(sub.path, "model.safetensors")) && sub.path.endsWith("small"));
    assert.ok(existsSync((await resolveModel(id, { revision: commit, only: "tokenizer" })).path));
    const gguf = await resolveModel(id, { gguf_file: "q/tiny-Q4_0.gguf" });
    assert.deepEqual(readFileSync(gguf.path), repo.files["q/tiny-Q4_0.gguf"]);
    assert.equal(gguf.gguf, gguf.path);
    await rejects(resolveModel(id, { gguf_file: "none.gguf" }), /has no none\.gguf/);
  });

  it("says what a model without safetensors has instead", async () => {
    server.repos.set("acme/quants", {
      id: "acme/quants",
      commit,
      files: { "config.json": Buffer.from("{}"), "x-Q4_0.gguf": Buffer.from("x"), "x-Q8_0.gguf": Buffer.from("y") },
    });
    await rejects(resolveModel("acme/quants", { only: "weights" }), /2 GGUF files/, /x-Q4_0\.gguf, x-Q8_0\.gguf/);
    const pickled = { "config.json": Buffer.from("{}"), "pytorch_model.bin": Buffer.from("x") };
    server.repos.set("acme/pickled", { id: "acme/pickled", commit, files: pickled });
    await rejects(
      resolveModel("acme/pickled", { only: "weights" }),
      /no weights in safetensors/,
      /from_pretrained\('acme\/pickled'\)\.save_pretrained/,
    );
  });

  it("lets two calls at once fetch each file once", async () => {
    server.faults.slow = 10;
    const [one, two] = await Promise.all([resolveModel(id), resolveModel(id)]);
    assert.equal(one.path, two.path);
    const file = "model-00001-of-00002.safetensors";
    assert.equal(server.requests(file).filter(({ host }) => host === "cdn").length, 1);
    assert.deepEqual(content(one.path, file), repo.files[file]);
  });

  it("takes over the lock of a process that died", async () => {
    const locks = join(folder, "hub", ".locks", "models--acme--tiny");
    await resolveModel(id, { only: "tokenizer" });
    rmSync(join(cache(), "blobs"), { recursive: true });
    rmSync(join(cache(), "snapshots"), { recursive: true });
    mkdirSync(locks, { recursive: true });
    const dead = spawn(process.execPath, ["-e", ""]);
    await new Promise((done) => dead.once("close", done));
    const { hostname } = await import("node:os");
    for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
      const { createHash } = await import("node:crypto");
      const bytes = repo.files[file] as Buffer;
      const etag =
        bytes.length > 100
          ? createHash("sha256").update(bytes).digest("hex")
          : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
      writeFileSync(join(locks, `${etag}.phi3lab.lock`), `${dead.pid} ${hostname()}`);
    }
    const { path } = await resolveModel(id, { only: "tokenizer" });
    assert.deepEqual(content(path, "tokenizer.json"), repo.files["tokenizer.json"]);
    assert.deepEqual(readdirSync(locks), []);
  });

  it("tells progress_callback about every file as transformers.js does", async () => {
    const events: ProgressInfo[] = [];
    await resolveModel(id, { progress_callback: (info) => events.push(info) });
    const shard = events.filter(({ file }) => file === "model-00001-of-00002.safetensors");
    assert.deepEqual([...new Set(shard.map(({ status }) => status))], ["initiate", "download", "progress", "done"]);
    assert.ok(shard.every((info, i) => i === 0 || info.loaded >= (shard[i - 1] as ProgressInfo).loaded));
    assert.deepEqual(shard.at(-1), {
      status: "done",
      name: id,
      file: "model-00001-of-00002.safetensors",
      progress: 100,
      loaded: 3_000_000,
      total: 3_000_000,
    });
  });

  it("finds folders and .gguf files without any network", async () => {
    const model = join(folder, "model");
    mkdirSync(model);
    await rejects(resolveModel(model), /holds no model/);
    writeFileSync(join(model, "a.gguf"), "");
    assert.equal((await resolveModel(model)).path, join(model, "a.gguf"));
    assert.equal((await resolveModel(join(model, "a.gguf"))).gguf, join(model, "a.gguf"));
    writeFileSync(join(model, "b.gguf"), "");
    await rejects(resolveModel(model), /2 GGUF files/, /a\.gguf, b\.gguf/);
    assert.equal((await resolveModel(model, { gguf_file: "b.gguf" })).path, join(model, "b.gguf"));
    writeFileSync(join(model, "config.json"), "{}");
    assert.deepEqual(await resolveModel(model), { folder: model, path: model });
    assert.equal(server.seen.length, 0);
  });

  it("answers names that can be no model with a sentence and no request", async () => {
    await rejects(resolveModel(""), /received an empty name/);
    await rejects(resolveModel(5 as never), /\.gguf file, but received 5/);
    await rejects(resolveModel(undefined as never), /\.gguf file, but received undefined/);
    await rejects(resolveModel("./nowhere"), /no model at \.\/nowhere/);
    await rejects(resolveModel("/nowhere/model.gguf"), /no model at/);
    await rejects(resolveModel("a b"), /neither a folder/);
    await rejects(resolveModel("../../nowhere/model"), /no model at/);
    await rejects(resolveModel(id, { revision: "../x" }), /no valid revision/);
    await rejects(resolveModel(id, { subfolder: "../x" }), /leads out/);
    assert.equal(server.seen.length, 0);
  });

  it("takes null for an option that is not given, and says of what is none of its kind what was expected", async () => {
    const none = {
      revision: null,
      subfolder: null,
      gguf_file: null,
      cache_dir: null,
      local_files_only: null,
      force_download: null,
      token: null,
      progress_callback: null,
      signal: null,
    } as never;
    const { path } = await resolveModel(`${id}@main`, none);
    assert.equal(path, (await resolveModel(id)).path);
    assert.deepEqual(await resolveModel(path, none), { folder: path, path });
    const before = server.seen.length;
    for (const [name, value, what] of [
      ["revision", 5, "a string"],
      ["subfolder", 5, "a string"],
      ["gguf_file", true, "a string"],
      ["cache_dir", {}, "a string"],
      ["local_files_only", "yes", "true or false"],
      ["force_download", 1, "true or false"],
      ["token", 5, "a string, true or false"],
      ["progress_callback", "bar", "a function"],
      ["signal", {}, "an AbortSignal"],
    ] as const)
      for (const model of [id, path])
        await assert.rejects(resolveModel(model, { [name]: value }), {
          name: "TypeError",
          message: new RegExp(`^Expected ${what} for ${name} but received `),
        });
    assert.equal(server.seen.length, before);
  });

  it("says which folder cannot be written", async () => {
    if (process.getuid?.() === 0) {
      // Root may write everywhere: a file where the folder should be stands for it.
      writeFileSync(join(folder, "hub"), "");
    } else {
      mkdirSync(join(folder, "hub"), { mode: 0o500 });
    }
    await rejects(resolveModel(id), /cannot be written|may not be written/, /HF_HUB_CACHE/);
  });
});
