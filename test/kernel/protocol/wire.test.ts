/** The kernel's sockets by themselves, without a kernel behind them: what comes in, what goes out, and to whom. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Connection, Request } from "../../../kernel/protocol/link";
import type { Wire } from "../../../kernel/protocol/wire";
import { type Content, newConnection, type Received, TestKernel } from "../client";
import { Inbox, info, start, until } from "./harness";

describe("The sockets of a kernel", function () {
  this.timeout(20_000);
  let inbox: Inbox;
  let wire: Wire;
  let client: TestKernel;
  const open = async (connection: Content): Promise<void> => {
    inbox = new Inbox();
    wire = start(connection as Connection, inbox);
    client = await TestKernel.attach(connection);
  };
  beforeEach(async () => open(await newConnection()));
  afterEach(async () => {
    client.close();
    await wire.close();
  });

  /** Sends a request and waits until it has come in. */
  const ask = async (type: string, content: Content = {}, channel: "shell" | "control" = "shell"): Promise<Request> => {
    const before = inbox.requests.length;
    await client.send(channel, type, content, {}, { cell: 1 });
    await until(() => inbox.requests.length > before);
    return inbox.requests[before] as Request;
  };
  const told = ({ msg_id }: Request) => client.of(msg_id);
  const states = (messages: Received[]) =>
    messages.map(({ header, content }) => content.execution_state ?? header.msg_type);
  /** The type of the reply to a request. */
  const typeOf = (id: string) =>
    client.log.find(({ channel, parent }) => channel !== "iopub" && parent.msg_id === id)?.header.msg_type;
  const idle = (request: Request) => client.idle(request.msg_id, 3000);
  const answered = (request: Request): Received[] =>
    client.log.filter(({ channel, parent }) => channel !== "iopub" && parent.msg_id === request.msg_id);

  it("hand requests over in order, numbered, with all that they say", async () => {
    const first = await ask("history_request", { code: "a" });
    const second = await ask("execute_request", { code: "b" }, "control");
    const { msg_id, ...rest } = first;
    assert.deepEqual(rest, {
      type: "request",
      serial: 1,
      msg_type: "history_request",
      content: { code: "a" },
      metadata: { cell: 1 },
    });
    assert.deepEqual([second.serial, second.msg_type], [2, "execute_request"]);
    await until(() => told(first).length > 0);
    await sleep(30);
    assert.deepEqual(states(told(first)), ["busy"]);
    assert.equal(told(first)[0]?.header.msg_type, "status");
    assert.deepEqual(states(told(second)), [], "a cell is busy when it begins");
  });

  it("answer on the channel by which the request came, once, and say that it is done", async () => {
    for (const channel of ["shell", "control"] as const) {
      const request = await ask("history_request", {}, channel);
      wire.reply(request.serial, "history_reply", { status: "ok" });
      wire.reply(request.serial, "history_reply", { status: "again" });
      wire.reply(99, "history_reply", { status: "to nobody" });
      await idle(request);
      await wire.mark();
      await sleep(30);
      const [reply, ...more] = answered(request);
      assert.deepEqual(
        [reply?.channel, reply?.header.msg_type, reply?.content],
        [channel, "history_reply", { status: "ok" }],
      );
      assert.deepEqual([more, states(told(request))], [[], ["busy", "idle"]]);
    }
    const other = await ask("comm_msg");
    wire.ignore(other.serial);
    await idle(other);
    await sleep(50);
    assert.deepEqual(answered(other), []);
    const last = await ask("history_request");
    wire.reply(last.serial, "complete_reply", { status: "ok" });
    await client.reply(last.msg_id);
  });

  it("publish messages below their request, or below the last where there is none", async () => {
    const request = await ask("execute_request");
    wire.publish(request.serial, "status", { execution_state: "busy" });
    wire.publish(request.serial, "display_data", { data: { a: "half \ud83d" }, n: 1 }, { isolated: true });
    wire.publish(77, "late", { a: "\ude00 😀" });
    wire.reply(request.serial, "execute_reply", { status: "ok" });
    await idle(request);
    assert.deepEqual(states(told(request)), ["busy", "display_data", "late", "idle"]);
    const [, display, late] = told(request);
    assert.deepEqual([display?.content, display?.metadata], [{ data: { a: "half \ufffd" }, n: 1 }, { isolated: true }]);
    assert.deepEqual([late?.content, late?.metadata], [{ a: "\ufffd 😀" }, {}]);
    assert.throws(() => wire.publish(request.serial, "display_data", { big: 1n }), TypeError);
    assert.equal(display?.header.session, late?.header.session);
  });

  it("carry text in order, whole characters of bytes too, to the cell that wrote it", async () => {
    const one = await ask("execute_request");
    const two = await ask("execute_request");
    wire.write(one.serial, "stdout", "a");
    const [first, ...rest] = Buffer.from("€b");
    wire.write(one.serial, "stdout", Uint8Array.of(first as number));
    wire.write(one.serial, "stdout", Uint8Array.from(rest));
    wire.write(one.serial, "stderr", "c");
    wire.write(two.serial, "stdout", "d");
    wire.reply(one.serial, "execute_reply", {});
    wire.reply(two.serial, "execute_reply", {});
    await Promise.all([idle(one), idle(two)]);
    const text = (request: Request) =>
      told(request).flatMap(({ content }) => (content.text ? [`${content.name} ${content.text}`] : []));
    assert.deepEqual([text(one), text(two)], [["stdout a€b", "stderr c"], ["stdout d"]]);
  });

  it("answer kernel_info by themselves, and say again which cell is busy", async () => {
    const cell = await ask("execute_request");
    wire.setRunning(cell.serial);
    wire.publish(cell.serial, "status", { execution_state: "busy" });
    const asked = await client.send("control", "kernel_info_request", {});
    const reply = await client.reply(asked);
    assert.deepEqual(reply, info);
    assert.equal(typeOf(asked), "kernel_info_reply");
    await client.idle(asked);
    assert.deepEqual(states(client.of(asked)), ["busy", "idle"]);
    await until(() => told(cell).length === 2);
    assert.deepEqual(states(told(cell)), ["busy", "busy"]);
    wire.reply(cell.serial, "execute_reply", {});
    await idle(cell);
    assert.deepEqual(states(told(cell)), ["busy", "busy", "idle"]);
    wire.setRunning(0);
    await client.request("control", "kernel_info_request");
    assert.equal(told(cell).length, 3);
    assert.equal(inbox.requests.length, 1);
  });

  it("answer a client that has connected anew on its new connection", async () => {
    // The first stays away once its place is taken, as who has gone does.
    const first = await TestKernel.attach(client.connection, { once: true });
    const again = await TestKernel.attach(client.connection, { session: first.session, once: true });
    try {
      for (const channel of ["shell", "control"] as const)
        assert.deepEqual(await again.request(channel, "kernel_info_request"), info);
      await again.send("shell", "execute_request", {});
      await until(() => inbox.requests.length === 1);
      wire.ask(1, { prompt: "who?", password: false });
      await again.wait(() => again.log.find(({ channel }) => channel === "stdin"));
    } finally {
      first.close();
      again.close();
    }
  });

  it("beat with the bytes that they get", async () => {
    for (const beat of ["ping", "pong"]) {
      await client.heartbeat.send(beat);
      assert.equal(String((await client.heartbeat.receive())[0]), beat);
    }
  });

  it("ask the client of a request for a line of text, and take the first answer", async () => {
    const request = await ask("execute_request");
    const answer = (content: Content, type = "input_reply") => client.send("stdin", type, content);
    for (const [given, expected] of [
      ["Ada", "Ada"],
      [5, ""],
      [undefined, ""],
    ] as const) {
      inbox.inputs.length = 0;
      client.log.length = 0;
      wire.ask(99, { prompt: "nobody's", password: false });
      wire.ask(request.serial, { prompt: "who?", password: true });
      const question = await client.wait(() => client.log.find(({ channel }) => channel === "stdin"));
      assert.deepEqual(question.content, { prompt: "who?", password: true });
      assert.deepEqual([question.header.msg_type, question.parent.msg_id], ["input_request", request.msg_id]);
      await answer({ value: "another message" }, "other_reply");
      await answer({ value: given });
      await until(() => inbox.inputs.length > 0);
      assert.deepEqual(inbox.inputs, [[request.serial, expected]]);
    }
    await answer({ value: "too late" });
    await sleep(50);
    assert.equal(inbox.inputs.length, 1);
  });

  it("give a thread that blocks the answer, or wake it when it is interrupted", async () => {
    const request = await ask("execute_request");
    inbox.onInterrupt = () => wire.acknowledge();
    const { connection, session } = client;
    const [one, two] = ["Ada", "λ😀"].map((value) => client.frames("input_reply", { value }).frames);
    const steps = [one, two, client.frames("interrupt_request", {}).frames];
    const hello = client.frames("kernel_info_request", {}).frames;
    // Answers while this thread cannot: the first two questions with a line, the third with an interrupt.
    const answering = new Worker(
      `const { Dealer } = require("zeromq");
      const { parentPort, workerData } = require("node:worker_threads");
      const { connection, session, hello, steps } = workerData;
      const open = (port) => {
        const socket = new Dealer({ routingId: session, linger: 0 });
        socket.connect("tcp://127.0.0.1:" + port);
        return socket;
      };
      const stdin = open(connection.stdin_port);
      const control = open(connection.control_port);
      (async () => {
        await control.send(hello);
        await control.receive();
        parentPort.postMessage("connected");
        for (const step of steps) {
          await stdin.receive();
          await (step === steps[2] ? control : stdin).send(step);
        }
        await control.receive();
        stdin.close();
        control.close();
      })();`,
      { eval: true, workerData: { connection, session, hello, steps } },
    );
    client.stdin.close();
    client.control.close();
    await once(answering, "message");
    await sleep(100);
    wire.setRunning(request.serial);
    const heard = wire.guard(() => {
      const lines = ["who?", "what?", "why?"].map((prompt) =>
        wire.askAndWait(request.serial, { prompt, password: false }),
      );
      wire.setRunning(0);
      return lines;
    });
    assert.deepEqual(heard, ["Ada", "λ😀", undefined]);
    await once(answering, "exit");
    assert.deepEqual(inbox.inputs, []);
  });

  it("pass an interrupt on for the cell that runs, until it is acted on", async () => {
    const request = await ask("execute_request");
    inbox.onInterrupt = () => wire.acknowledge();
    assert.equal(wire.isInterrupted(request.serial), false);
    const between = await client.send("control", "interrupt_request", {});
    assert.deepEqual(await client.reply(between), { status: "ok" });
    assert.equal(typeOf(between), "interrupt_reply");
    await client.idle(between);
    assert.deepEqual(states(client.of(between)), ["busy", "idle"]);
    await until(() => inbox.interrupts.length === 1);
    wire.setRunning(request.serial);
    await client.request("control", "interrupt_request");
    await until(() => inbox.interrupts.length === 2);
    assert.equal(wire.isInterrupted(request.serial), true);
    assert.equal(wire.isInterrupted(request.serial + 1), false);
    await sleep(400);
    assert.deepEqual(inbox.interrupts, [0, request.serial], "each once");
    wire.setRunning(0);
  });

  it("say when all that had come in has been handed over", async () => {
    const frames = Array.from({ length: 200 }, () => client.frames("history_request", {}).frames);
    for (const each of frames) await client.shell.send(each);
    await client.request("shell", "kernel_info_request");
    await wire.mark();
    assert.deepEqual(
      inbox.requests.map(({ serial }) => serial),
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    assert.deepEqual(await Promise.all([wire.mark(), wire.mark()].map((mark) => mark.then(() => "settled"))), [
      "settled",
      "settled",
    ]);
  });

  it("let guarded work end, whatever it gives or throws, also inside of guarded work", () => {
    assert.equal(
      wire.guard(() => wire.guard(() => 5)),
      5,
    );
    assert.throws(() => wire.guard(() => assert.fail("thrown")), /thrown/);
    let read = 0;
    wire.reading(() => read++);
    assert.throws(() => wire.reading(() => assert.fail("thrown")), /thrown/);
    wire.reading(() => read++);
    assert.equal(read, 2);
  });

  it("answer a shutdown, say it to all, and take no request after it", async () => {
    for (const restart of [true, false, 5]) {
      const id = await client.send("control", "shutdown_request", { restart });
      const reply = await client.reply(id);
      await client.idle(id);
      assert.deepEqual(reply, { status: "ok", restart: restart === true });
      assert.equal(typeOf(id), "shutdown_reply");
      assert.deepEqual(states(client.of(id)), ["busy", "shutdown_reply", "idle"]);
      assert.deepEqual(client.of(id)[1]?.content, reply);
      await until(() => inbox.exits === 1);
      await client.shell.send(client.frames("history_request", {}).frames);
      await sleep(50);
      assert.deepEqual([inbox.requests, inbox.exits], [[], 1]);
      client.close();
      await wire.close();
      await open(await newConnection());
    }
  });

  it("send all that waits before they close", async () => {
    const request = await ask("execute_request");
    for (let i = 0; i < 500; i++) wire.publish(request.serial, "display_data", { i });
    wire.write(request.serial, "stdout", "the last words");
    const closed = wire.close();
    await client.wait(() => told(request).find(({ content }) => content.text === "the last words"));
    assert.equal(told(request).length, 501);
    await closed;
    assert.deepEqual(inbox.losses, []);
    client.close();
    await open(await newConnection());
  });

  it("may be files of this machine", async () => {
    client.close();
    await wire.close();
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-ipc-"));
    try {
      await open({ ...(await newConnection()), transport: "ipc", ip: join(folder, "kernel") });
      assert.equal((await ask("history_request")).serial, 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("say when they cannot be opened", async () => {
    const other = new Inbox();
    const second = start(client.connection as Connection, other);
    await until(() => other.losses.length > 0);
    assert.match(other.losses[0] as string, /^Cannot open the sockets of the connection file: .*(in use|EADDRINUSE)/);
    assert.deepEqual(inbox.losses, []);
    await second.close();
    const third = new Inbox();
    start({ ...(client.connection as Connection), signature_scheme: "none" }, third);
    await until(() => third.losses.length > 0);
    assert.match(third.losses[0] as string, /Expected a signature_scheme such as "hmac-sha256"/);
  });
});
