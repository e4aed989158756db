/**
 * A process that fetches a model is killed at a random moment, again and again: the next call has the model whole, at
 * once, with nothing left over. `npm run test:kills` does so a hundred times.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { randomBytes, randomInt } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { resolveModel } from "../../../src/hub";
import { usually } from "../../length";
import { HubSandbox } from "./sandbox";

const id = "acme/tiny";
const rounds = usually(8, 100);

/** Files of which each round's commit changes some. */
function modelFiles(round: number): Record<string, Buffer> {
  const map = {
    a: "model-00001-of-00003.safetensors",
    b: "model-00002-of-00003.safetensors",
    c: "model-00003-of-00003.safetensors",
  };
  return {
    "config.json": Buffer.from(`{"model_type": "phi3", "round": ${round}}`),
    "generation_config.json": Buffer.from("{}"),
    "tokenizer.json": randomBytes(20_000),
    "tokenizer_config.json": Buffer.from("{}"),
    "model.safetensors.index.json": Buffer.from(JSON.stringify({ weight_map: map, note: "x".repeat(round) })),
    "model-00001-of-00003.safetensors": randomBytes(2_000_000),
    "model-00002-of-00003.safetensors": randomBytes(500_000),
    "model-00003-of-00003.safetensors": randomBytes(1000),
  };
}

describe("A process that fetches a model and is killed", function () {
  this.timeout(usually(120_000, 900_000));
  let sandbox: HubSandbox;
  const children: ChildProcess[] = [];
  before(async () => {
    sandbox = await HubSandbox.start();
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await sandbox.stop();
  });

  /** A process that is ready to fetch. */
  const start = (): ChildProcess => {
    const child = fork(join(__dirname, "killed_child.cjs"), {
      env: process.env,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    children.push(child);
    return child;
  };
  const ready = async (child: ChildProcess): Promise<ChildProcess> => {
    const [message] = await once(child, "message");
    assert.equal(message, "ready");
    return child;
  };

  it(`at a random moment leaves what the next call goes on with, ${rounds} times`, async () => {
    const { server, folder } = sandbox;
    server.faults.slow = 10;
    const hub = join(folder, "hub");
    const cache = join(hub, "models--acme--tiny");
    const moments = { early: 0, midway: 0, done: 0, resumed: 0 };
    /** Milliseconds of a fetch that nobody ends, the first round's at first. */
    let whole = 0;
    let next = ready(start());
    for (let round = 0; round < rounds; round++) {
      const commit = round.toString(16).padStart(40, "0");
      const files = modelFiles(round);
      server.repos.set(id, { id, commit, files });
      if (round % 5 === 0) rmSync(hub, { recursive: true, force: true });
      const child = await next;
      next = ready(start());
      next.catch(() => undefined);
      const options = round % 7 === 3 ? { force_download: true } : {};
      const began = Date.now();
      const end = once(child, "message").then(([message]) => message);
      end.catch(() => undefined);
      child.send({ id, options });
      const killed = whole > 0 && sleep(randomInt(0, Math.ceil(whole * 1.1)), "killed");
      const ended = await Promise.race(killed ? [end, killed] : [end]);
      child.kill("SIGKILL");
      await once(child, "close");
      const blobs = join(cache, "blobs");
      const partial = existsSync(blobs) && readdirSync(blobs).some((name) => name.endsWith(".incomplete"));
      if (ended === "killed") moments[partial ? "midway" : "early"]++;
      else {
        assert.equal(ended, "done");
        moments.done++;
        whole = Date.now() - began;
      }
      server.seen.length = 0;
      const again = Date.now();
      const { path, commit: found } = await resolveModel(id);
      assert.ok(Date.now() - again < 10_000, "nobody waits for the dead one's lock");
      assert.equal(found, commit);
      if (server.seen.some(({ range }) => range !== undefined)) moments.resumed++;
      for (const [name, content] of Object.entries(files))
        assert.ok(readFileSync(join(path, name)).equals(content), `round ${round}: ${name}`);
      assert.equal(readFileSync(join(cache, "refs/main"), "utf8"), commit);
      const odd = readdirSync(blobs).filter((name) => !/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(name));
      assert.deepEqual(odd, [], `round ${round}: left in blobs`);
      assert.deepEqual(readdirSync(path).sort(), Object.keys(files).sort());
      assert.deepEqual(readdirSync(join(cache, "refs")), ["main"]);
      // What was half-written in the very moment lies beside the locks, and goes an hour later.
      const locks = readdirSync(join(hub, ".locks/models--acme--tiny")).filter((name) => !name.endsWith(".tmp"));
      assert.deepEqual(locks, [], `round ${round}: left locks`);
      assert.equal((await resolveModel(id, { local_files_only: true })).path, path);
    }
    (await next).kill("SIGKILL");
    console.log(
      `      killed ${moments.early} times before a file's first byte, ${moments.midway} midway, ${moments.done} after all was there; ${moments.resumed} resumed`,
    );
    assert.ok(moments.early + moments.midway > 0, "nobody was killed");
    assert.ok(rounds < 100 || (moments.midway > 20 && moments.resumed > 5), JSON.stringify(moments));
  });
});
