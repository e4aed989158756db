/** The queue in front of a socket: order, gathered text, clients that read slowly, and clients that read nothing. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Shared } from "../../../kernel/protocol/link";
import { Codec, type Outgoing } from "../../../kernel/protocol/message";
import { Outbox, type Sender } from "../../../kernel/protocol/outbox";

interface Sent {
  to: string;
  type: string;
  parent: string;
  content: Record<string, unknown>;
}

/** A client that takes what is sent, after `delay` milliseconds, or refuses it with the code `refuses`. */
class Client implements Sender {
  readonly got: Sent[] = [];
  delay = 0;
  refuses: string | undefined;
  refused = 0;
  #sending = false;

  async send(frames: (Buffer | string)[]): Promise<void> {
    assert.ok(!this.#sending, "one at a time");
    this.#sending = true;
    if (this.delay > 0) await sleep(this.delay);
    this.#sending = false;
    if (this.refuses !== undefined) {
      this.refused += 1;
      throw Object.assign(new Error("not now"), { code: this.refuses });
    }
    const [to, , , header, parent, , content] = frames.map(String) as string[];
    const { msg_type } = JSON.parse(header as string);
    this.got.push({
      to: to as string,
      type: msg_type,
      parent: parent as string,
      content: JSON.parse(content as string),
    });
  }

  /** The texts of what came, each behind its stream, or the type of a message that is no text. */
  get said(): string[] {
    return this.got.map(({ type, content }) => (type === "stream" ? `${content.name} ${content.text}` : type));
  }
}

describe("An outbox", function () {
  this.timeout(10_000);
  let client: Client;
  let shared: Int32Array;
  let outbox: Outbox;
  beforeEach(() => {
    client = new Client();
    shared = new Int32Array(new SharedArrayBuffer(Shared.Size * Int32Array.BYTES_PER_ELEMENT));
    outbox = new Outbox(new Codec("key"), client, shared);
  });

  const message = (msg_type: string, parent = "{}"): Outgoing => ({
    identities: [msg_type],
    msg_type,
    parent,
    content: '{"a":1}',
  });
  const push = (type: string, size = 0): void => outbox.push(message(type), size);
  const until = async (isSo: () => boolean): Promise<void> => {
    for (let i = 0; i < 400 && !isSo(); i++) await sleep(5);
    assert.ok(isSo(), "it did not happen in two seconds");
  };

  it("sends messages in order, one at a time, as many as there are", async () => {
    client.delay = 1;
    const types = Array.from({ length: 50 }, (_, i) => `t${i}`);
    for (const type of types) push(type);
    await outbox.drain(5000);
    assert.deepEqual(client.said, types);
    push("later");
    await until(() => client.got.length === 51);
  });

  it("sends what comes in the very moment in which the last message has left", async () => {
    for (let moment = 0; moment < 20; moment++) {
      client.got.length = 0;
      push("first");
      for (let i = 0; i < moment; i++) await undefined;
      push("second");
      await until(() => client.got.length === 2);
    }
  });

  it("gathers what is printed for a moment, and begins anew with another stream or another cell", async () => {
    outbox.write('{"cell":1}', "stdout", "a");
    outbox.write('{"cell":1}', "stdout", "b");
    await sleep(8);
    assert.deepEqual(client.said, [], "the moment has not passed");
    outbox.write('{"cell":1}', "stdout", "c");
    outbox.write('{"cell":1}', "stderr", "d");
    outbox.write('{"cell":1}', "stderr", "e");
    outbox.write('{"cell":2}', "stderr", "f");
    await until(() => client.got.length === 3);
    assert.deepEqual(client.said, ["stdout abc", "stderr de", "stderr f"]);
    assert.deepEqual(
      client.got.map(({ to, parent }) => [to, parent]),
      [
        ["stream.stdout", '{"cell":1}'],
        ["stream.stderr", '{"cell":1}'],
        ["stream.stderr", '{"cell":2}'],
      ],
    );
    outbox.write("{}", "stdout", "alone");
    await until(() => client.got.length === 4);
  });

  it("sends text before the message that is sent behind it, without waiting", async () => {
    outbox.write("{}", "stdout", "a");
    push("status");
    await sleep(10);
    assert.deepEqual(client.said, ["stdout a", "status"]);
    push("status");
    outbox.write("{}", "stdout", "b");
    outbox.write("{}", "stdout", "c");
    await outbox.drain(1000);
    assert.deepEqual(client.said.slice(2), ["status", "stdout bc"]);
  });

  it("sends no text that has grown longer than 256 Ki characters with more behind it", async () => {
    const part = "x".repeat(100 * 1024);
    for (let i = 0; i < 5; i++) outbox.write("{}", "stdout", part);
    await outbox.drain(1000);
    assert.deepEqual(
      client.got.map(({ content }) => (content.text as string).length / 1024),
      [300, 200],
    );
    outbox.write("{}", "stdout", "y".repeat(256 * 1024));
    outbox.write("{}", "stdout", "z");
    await outbox.drain(1000);
    assert.equal(client.got.at(-1)?.content.text, "z");
  });

  it("sends halves of characters as Python can read them", async () => {
    outbox.write("{}", "stdout", "a\ud83d");
    outbox.write("{}", "stdout", "\ude00b\ud83d");
    await outbox.drain(1000);
    assert.deepEqual(client.said, ["stdout a😀b\ufffd"]);
  });

  it("takes what is sent off the count of what waits, and wakes the writer", async () => {
    Atomics.store(shared, Shared.Pending, 100);
    push("display_data", 10);
    outbox.write("{}", "stdout", "12345");
    // Node has it; the library of the compiler's target does not.
    type Waiting = (array: Int32Array, at: number, value: number, ms: number) => { value: string | Promise<string> };
    const { waitAsync } = Atomics as unknown as { waitAsync: Waiting };
    const woken = waitAsync(shared, Shared.Pending, 100, 1000);
    await outbox.drain(1000);
    assert.equal(await woken.value, "ok");
    assert.equal(Atomics.load(shared, Shared.Pending), 85);
    push("status");
    await outbox.drain(1000);
    assert.equal(Atomics.load(shared, Shared.Pending), 85);
  });

  for (const code of ["EAGAIN", "EBUSY"])
    it(`keeps everything in order for a client that takes nothing for a while (${code})`, async () => {
      client.refuses = code;
      outbox.write("{}", "stdout", "a");
      push("execute_result");
      push("status");
      await until(() => client.refused >= 3);
      client.refuses = undefined;
      await outbox.drain(1000);
      assert.deepEqual(client.said, ["stdout a", "execute_result", "status"]);
    });

  it("goes on where the client is gone", async () => {
    client.refuses = "EHOSTUNREACH";
    push("execute_reply");
    await until(() => client.refused === 1);
    client.refuses = undefined;
    push("status");
    await outbox.drain(1000);
    assert.deepEqual(client.said, ["status"]);
  });

  it("waits for what is to be sent no longer than it is told", async () => {
    client.refuses = "EAGAIN";
    push("status");
    const start = performance.now();
    await outbox.drain(60);
    const took = performance.now() - start;
    assert.ok(took >= 55 && took < 1500, String(took));
    client.refuses = undefined;
    await outbox.drain(1000);
    const idle = performance.now();
    await outbox.drain(1000);
    assert.ok(performance.now() - idle < 500, "there is nothing to wait for");
  });

  describe("whose client reads nothing for 30 seconds", () => {
    const { now } = performance;
    let passed = 0;
    beforeEach(() => {
      passed = 0;
      performance.now = () => now.call(performance) + passed;
      client.refuses = "EAGAIN";
    });
    afterEach(() => {
      performance.now = now;
    });
    const pass = async (ms: number) => {
      await until(() => client.refused > 1);
      passed += ms;
    };

    it("drops what it shows, keeps what it answers, and says how much was lost, below the last cell that lost any", async () => {
      Atomics.store(shared, Shared.Pending, 100);
      outbox.write('{"cell":1}', "stdout", "12345");
      for (const type of ["display_data", "update_display_data", "execute_result"])
        outbox.push(message(type, '{"cell":2}'), 7);
      push("execute_reply");
      outbox.write('{"cell":3}', "stdout", "kept");
      await pass(30_100);
      await until(() => Atomics.load(shared, Shared.Pending) === 100 - 5 - 3 * 7);
      assert.deepEqual(client.said, []);
      client.refuses = undefined;
      await outbox.drain(1000);
      const notice = "stderr [phi3lab] 26 characters of output were dropped: nothing was read for 30 s.\n";
      assert.deepEqual(client.said, [notice, "execute_reply", "stdout kept"]);
      assert.equal(client.got[0]?.parent, '{"cell":2}');
      outbox.write("{}", "stdout", "more");
      await outbox.drain(1000);
      assert.deepEqual(client.said.slice(3), ["stdout more"], "it is said once");
    });

    it("has lost nothing before", async () => {
      outbox.write("{}", "stdout", "12345");
      await pass(29_500);
      const { refused } = client;
      await until(() => client.refused > refused + 2);
      client.refuses = undefined;
      await outbox.drain(1000);
      assert.deepEqual(client.said, ["stdout 12345"]);
    });

    it("may read slowly: the time begins again with all that it takes", async () => {
      outbox.write("{}", "stdout", "a");
      await pass(20_000);
      client.refuses = undefined;
      await until(() => client.got.length === 1);
      client.refuses = "EAGAIN";
      client.refused = 0;
      outbox.write("{}", "stdout", "b");
      await pass(20_000);
      const { refused } = client;
      await until(() => client.refused > refused + 2);
      client.refuses = undefined;
      await outbox.drain(1000);
      assert.deepEqual(client.said, ["stdout a", "stdout b"]);
    });
  });
});
