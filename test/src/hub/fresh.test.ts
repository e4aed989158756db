/** What a model in the cache is beside the hub's: as new as that is, as old as it was asked for, and never damaged. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer } from "../../../src";
import { openResolved, resolveModel } from "../../../src/hub";
import { incompleteOf } from "../../../src/hub/download";
import { WeightsError } from "../../../src/weights";
import { readText } from "../../../src/weights/regular";
import { HubSandbox, rejects } from "./sandbox";
import type { HubServer, Repo } from "./server";

const [first, second] = ["1".repeat(40), "2".repeat(40)] as [string, string];
const id = "acme/tiny";

describe("A model in the cache", function () {
  this.timeout(30_000);
  let sandbox: HubSandbox;
  let server: HubServer;
  let repo: Repo;
  let said: string[];
  const { error } = console;

  beforeEach(async () => {
    sandbox = await HubSandbox.start();
    ({ server } = sandbox);
    const files = { "config.json": "{}", "tokenizer.json": "{ }", "model.safetensors": "weights".repeat(100) };
    repo = {
      id,
      commit: first,
      files: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])),
    };
    server.repos.set(id, repo);
    said = [];
    console.error = (line: string) => said.push(line);
  });
  afterEach(async () => {
    console.error = error;
    await sandbox.stop();
  });

  const folder = () => join(sandbox.folder, "hub/models--acme--tiny");
  const main = () => readFileSync(join(folder(), "refs/main"), "utf8");
  const moves = (config: string) => {
    server.repos.set(id, { ...repo, commit: second, files: { ...repo.files, "config.json": Buffer.from(config) } });
  };
  const bytesOf = (name: string) => server.requests(name).length;

  it("is fetched as far as it changed where the branch has moved on", async () => {
    await resolveModel(id);
    moves('{"a":1}');
    const { path, commit } = await resolveModel(id);
    assert.deepEqual([commit, main()], [second, second]);
    assert.equal(readFileSync(join(path, "config.json"), "utf8"), '{"a":1}');
    assert.equal(bytesOf("model.safetensors"), 2, "the hub's and its other host's, once");
    assert.equal(statSync(join(path, "model.safetensors")).size, 700);
    assert.equal((await resolveModel(`${id}@${first}`)).commit, first, "the older one is still there");
    assert.deepEqual(said, []);
  });

  it("stays as it is where its commit, local_files_only or HF_HUB_OFFLINE says so", async () => {
    await resolveModel(id);
    moves("{}");
    server.seen.length = 0;
    assert.equal((await resolveModel(id, { revision: first })).commit, first);
    assert.equal((await resolveModel(id, { local_files_only: true })).commit, first);
    process.env.HF_HUB_OFFLINE = "1";
    assert.equal((await resolveModel(id)).commit, first);
    assert.equal(server.seen.length, 0);
  });

  it("serves where the hub is silent, refuses or has trouble; a minute long nobody waits for it again", async () => {
    await resolveModel(id);
    for (const status of [401, 404, 429, 500]) {
      server.faults.statuses.set("revision", [status]);
      assert.equal((await resolveModel(id)).commit, first, String(status));
    }
    server.faults.statuses.clear();
    const { HF_ENDPOINT } = process.env;
    // Nothing listens there, and of this one nobody knows yet.
    process.env.HF_ENDPOINT = "http://127.0.0.1:10";
    assert.equal((await resolveModel(id)).commit, first);
    process.env.HF_ENDPOINT = HF_ENDPOINT;
    const stalled = await resolveModel(id);
    assert.equal(stalled.commit, first, "another hub is asked all the same");
    const silent = new HubSandbox();
    await silent.server.start();
    silent.server.faults.silent = true;
    try {
      process.env.HF_ENDPOINT = silent.server.url;
      process.env.HF_HUB_ETAG_TIMEOUT = "0.3";
      const timed = async () => {
        const start = Date.now();
        await resolveModel(id);
        return Date.now() - start;
      };
      const [once, again] = [await timed(), await timed()];
      assert.ok(once >= 300 && once < 2000, String(once));
      assert.ok(again < 200, String(again));
      assert.equal(silent.server.seen.length, 1);
    } finally {
      await silent.server.stop();
    }
    assert.deepEqual(said, []);
  });

  it("is not taken for a revision that the hub says is gone", async () => {
    await resolveModel(id);
    server.repos.set(id, { ...repo, commit: second });
    await rejects(resolveModel(id, { revision: "v2" }), /has no revision "v2"/);
  });

  it("serves, as an older one by name, where the new one does not come", async () => {
    await resolveModel(id);
    moves('{"a":1}');
    server.faults.statuses.set("tree", [500, 500, 500, 500, 500]);
    assert.equal((await resolveModel(id)).commit, first);
    assert.equal(main(), first, "the note of the branch stays right without the network");
    assert.equal(said.length, 1);
    assert.match(
      said[0] as string,
      /^acme\/tiny has moved on from 1111111 to 2222222, which could not be fetched; the older one in the cache is taken\. http.+ answered 500/,
    );
    process.env.HF_HUB_OFFLINE = "1";
    assert.equal((await resolveModel(id)).commit, first);
  });

  it("is fetched whole again by force_download, which needs the network", async () => {
    const { path } = await resolveModel(id);
    const file = join(path, "model.safetensors");
    writeFileSync(file, Buffer.alloc(700));
    await resolveModel(id);
    assert.ok(readFileSync(file).equals(Buffer.alloc(700)), "of the right length: nobody looks further");
    await resolveModel(id, { force_download: true });
    assert.deepEqual(readFileSync(file), repo.files["model.safetensors"]);
    assert.equal(bytesOf("config.json"), 2);
    await rejects(
      resolveModel(id, { force_download: true, local_files_only: true }),
      /^acme\/tiny is to be fetched anew \(force_download\), but local_files_only is set: choose one\.$/,
    );
    process.env.HF_HUB_OFFLINE = "1";
    await rejects(resolveModel(id, { force_download: true }), /but HF_HUB_OFFLINE is set/);
    delete process.env.HF_HUB_OFFLINE;
    server.faults.statuses.set("revision", [500, 500, 500, 500, 500]);
    await rejects(resolveModel(id, { force_download: true }), /answered 500/);
  });

  it("that was fetched by its commit serves without the network, by that and as the only one there is", async () => {
    await resolveModel(id, { revision: first });
    assert.ok(!existsSync(join(folder(), "refs")));
    process.env.HF_HUB_OFFLINE = "1";
    assert.equal((await resolveModel(id, { revision: first })).commit, first);
    assert.deepEqual(said, []);
    assert.equal((await resolveModel(id)).commit, first);
    assert.match(said.join(), /^acme\/tiny is taken at 1{40}, the only commit in the cache: HF_HUB_OFFLINE is set/);
    await rejects(
      resolveModel(`${id}@v1`),
      /^acme\/tiny is not \(or not wholly\) in the cache \/.+hub at the revision "v1", and HF_HUB_OFFLINE is set, so nothing is fetched\.$/,
    );
    delete process.env.HF_HUB_OFFLINE;
    await resolveModel(id, { revision: first });
    moves("{}");
    await resolveModel(id, { revision: second });
    process.env.HF_HUB_OFFLINE = "1";
    await rejects(resolveModel(id), /not \(or not wholly\) in the cache/);
  });

  describe("that is damaged", () => {
    /** Opens a model as a reader of weights does: what is short is an error that names its file. */
    const opened = (options = {}) =>
      openResolved(id, { only: "weights" as const, ...options }, async ({ folder: at }) => {
        for (const name of ["config.json", "model.safetensors"]) {
          const file = join(at, name);
          if (!readFileSync(file).equals(repo.files[name] as Buffer)) throw new WeightsError(file, `${file} is short.`);
        }
        return at;
      });
    const blob = (path: string, name: string) => realpathSync(join(path, name));

    it("is fetched again, what is damaged of it, and opened once more", async () => {
      const path = await opened();
      truncateSync(blob(path, "model.safetensors"), 10);
      server.seen.length = 0;
      assert.equal(await opened(), path);
      assert.deepEqual([bytesOf("model.safetensors"), bytesOf("config.json")], [2, 0]);
      // A damaged byte, which no length tells.
      writeFileSync(blob(path, "config.json"), "[]");
      writeFileSync(blob(path, "model.safetensors"), Buffer.alloc(700));
      await opened();
      assert.deepEqual(said, [
        `A file of ${id} in the cache is damaged and fetched again.`,
        `2 files of ${id} in the cache are damaged and fetched again.`,
      ]);
      assert.deepEqual(readdirSync(path).sort(), ["config.json", "model.safetensors"]);
    });

    it("is fetched again where a pipe stands in a file's place, which nobody waits for", async () => {
      const path = await opened();
      const model = blob(path, "model.safetensors");
      rmSync(model);
      execFileSync("mkfifo", [model]);
      const read = ({ folder: at }: { folder: string }) => readText(join(at, "model.safetensors"), 1e6);
      const text = await openResolved(id, { only: "weights" }, read);
      assert.equal(text, String(repo.files["model.safetensors"]));
      assert.deepEqual(said, [`A file of ${id} in the cache is damaged and fetched again.`]);
      // Nor one where the bytes are gathered.
      rmSync(model);
      execFileSync("mkfifo", [incompleteOf(model)]);
      assert.equal(await opened(), path);
    });

    it("loads all the same, weights and tokenizer, as readers have them", async () => {
      const tiny = join(__dirname, "../../golden/tiny/grouped");
      const files = Object.fromEntries(
        ["config.json", "generation_config.json", "model.safetensors"].map((name) => [
          name,
          readFileSync(join(tiny, name)),
        ]),
      );
      const vocab = { "<unk>": 0, a: 1 };
      const tokenizer = { model: { type: "BPE", vocab, merges: [], unk_token: "<unk>" }, added_tokens: [] };
      server.repos.set(id, {
        id,
        commit: first,
        files: { ...files, "tokenizer.json": Buffer.from(JSON.stringify(tokenizer)) },
      });
      const load = async () => {
        const model = await AutoModelForCausalLM.from_pretrained(id, { device: "cpu", threads: 1 });
        const { input_ids } = (await AutoTokenizer.from_pretrained(id))("a");
        const ids = await model.generate({ input_ids, max_new_tokens: 3, eos_token_id: [] });
        await model.dispose();
        return Array.from(ids.data, Number);
      };
      const expected = await load();
      const { path } = await resolveModel(id);
      for (const name of ["config.json", "model.safetensors", "tokenizer.json"]) {
        truncateSync(blob(path, name), 30);
        assert.deepEqual(await load(), expected, name);
      }
      assert.equal(said.length, 3);
    });

    it("is an error that says so where nothing may be fetched", async () => {
      const path = await opened();
      truncateSync(blob(path, "model.safetensors"), 10);
      await rejects(
        opened({ local_files_only: true }),
        /^What the cache holds of acme\/tiny is damaged \(.+model\.safetensors is short\.\), and nothing may be fetched; load it once with the network, which replaces it\.$/,
      );
      assert.ok(existsSync(blob(path, "model.safetensors")), "nothing is removed that nobody can bring back");
    });

    it("is an error that says how to fetch it again where the cache is a copy without links", async () => {
      const { path } = await resolveModel(id, { only: "weights" });
      const file = join(path, "config.json");
      rmSync(file);
      writeFileSync(file, "{");
      const load = (options = {}) => AutoModelForCausalLM.from_pretrained(id, { device: "cpu", ...options });
      const cure = /config\.json .+download it again, with \{ force_download: true \}\.$/;
      await assert.rejects(load(), { name: "WeightsError", message: cure });
      await assert.rejects(load({ local_files_only: true }), { name: "WeightsError", message: cure });
      await resolveModel(id, { only: "weights", force_download: true });
      assert.deepEqual(readFileSync(file), repo.files["config.json"]);
    });

    it("is the model's own error where the hub's file is so, and where the files are no cache's", async () => {
      const path = await opened();
      repo.files["config.json"] = Buffer.from("[]");
      await assert.rejects(opened(), { name: "WeightsError", message: `${join(path, "config.json")} is short.` });
      assert.deepEqual(said, []);
      const own = join(sandbox.folder, "own");
      writeFileSync(own, "");
      const failing = openResolved(own, {}, async () => Promise.reject(new Error("odd")));
      await assert.rejects(failing, /odd/);
      rmSync(own);
    });
  });
});
