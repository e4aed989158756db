/**
 * A Jupyter client for tests, written against the protocol's specification and sharing no code with the kernel: it starts
 * `dist/kernel/main.js`, speaks to it over ZeroMQ and checks every signature.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Dealer, Request, Subscriber } from "zeromq";

/** Content of a message, as loosely typed as a test needs it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes.
export type Content = Record<string, any>;

export interface Received {
  channel: string;
  header: Content;
  parent: Content;
  metadata: Content;
  content: Content;
}

/** What came of one execute request. */
export interface Execution {
  reply: Content;
  /** Messages on iopub of this request, `busy` to `idle`, in order. */
  messages: Received[];
  stdout: string;
  stderr: string;
  /** text/plain of the result. */
  result: string | undefined;
}

const root = resolve(__dirname, "../..");
const DEADLINE = 15_000;
/** Between two tries to connect, in milliseconds: a kernel that starts is noticed soon. */
const RECONNECT_MS = 10;

/** The kernel's command line, as the kernelspec has it. */
export function kernelCommand(connectionFile: string): string[] {
  const main = join(root, "dist", "kernel", "main.js");
  assert.ok(existsSync(main), "The kernel is not built: npm run build");
  const { argv } = JSON.parse(readFileSync(join(root, "kernel", "kernelspec.json"), "utf8")) as { argv: string[] };
  const values: Record<string, string> = { node: process.execPath, root, connection_file: connectionFile };
  return argv.map((part) => part.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? ""));
}

/** Ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** What a connection file says: ports that are free now. */
export async function newConnection(key: string = randomUUID()): Promise<Content> {
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await freePorts(5);
  return {
    ...{ shell_port, iopub_port, stdin_port, control_port, hb_port },
    ...{ transport: "tcp", ip: "127.0.0.1", key, signature_scheme: "hmac-sha256" },
  };
}

export interface StartOptions {
  key?: string;
  /** The kernel's working folder; default: an empty one. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Wrap the command, for tests of the kernel's parent. */
  command?: (argv: string[]) => string[];
}

export interface AttachOptions {
  session?: string;
  once?: boolean;
}

/** A kernel process with a client connected to it. */
export class TestKernel {
  readonly folder = mkdtempSync(join(tmpdir(), "phi3lab-kernel-"));
  readonly shell: Dealer;
  readonly control: Dealer;
  readonly stdin: Dealer;
  readonly iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0, reconnectInterval: RECONNECT_MS });
  readonly heartbeat = new Request({ linger: 0, reconnectInterval: RECONNECT_MS });
  /** Everything received so far. */
  readonly log: Received[] = [];
  process!: ChildProcess;
  key = "";
  connection: Content = {};
  /** What the process itself wrote, outside of the protocol. */
  terminal = "";
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly session: string = randomUUID(),
    reconnectInterval = RECONNECT_MS,
  ) {
    const dealer = () => new Dealer({ routingId: session, linger: 0, reconnectInterval });
    this.shell = dealer();
    this.control = dealer();
    this.stdin = dealer();
  }

  static async start(options: StartOptions = {}): Promise<TestKernel> {
    const kernel = new TestKernel();
    kernel.connection = await newConnection(options.key);
    kernel.key = kernel.connection.key;
    const file = join(kernel.folder, "connection.json");
    writeFileSync(file, JSON.stringify(kernel.connection));
    const argv = (options.command ?? ((all: string[]) => all))(kernelCommand(file));
    kernel.process = spawn(argv[0] as string, argv.slice(1), {
      cwd: options.cwd ?? kernel.folder,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [kernel.process.stdout, kernel.process.stderr]) {
      stream?.on("data", (data: Buffer) => {
        kernel.terminal += data.toString();
      });
    }
    await kernel.#connect();
    return kernel;
  }

  /** A client of sockets that this process has opened; `once`: one that is not connected again when it is cut off. */
  static async attach(connection: Content, { session, once = false }: AttachOptions = {}): Promise<TestKernel> {
    const kernel = new TestKernel(session, once ? -1 : RECONNECT_MS);
    kernel.connection = connection;
    kernel.key = connection.key;
    await kernel.#connect();
    return kernel;
  }

  async #connect(): Promise<void> {
    const { transport, ip } = this.connection;
    const at = (port: string): string =>
      `${transport}://${ip}${transport === "ipc" ? "-" : ":"}${this.connection[port]}`;
    this.iopub.connect(at("iopub_port"));
    this.iopub.subscribe();
    this.shell.connect(at("shell_port"));
    this.control.connect(at("control_port"));
    this.stdin.connect(at("stdin_port"));
    this.heartbeat.connect(at("hb_port"));
    void this.#read("shell", this.shell);
    void this.#read("control", this.control);
    void this.#read("stdin", this.stdin);
    void this.#read("iopub", this.iopub);
    // Subscribed is who has seen a status; a kernel_info is harmless to repeat.
    for (;;) {
      const id = await this.send("shell", "kernel_info_request", {});
      await this.reply(id);
      const seen = this.wait(() => this.log.find((m) => m.channel === "iopub" && m.parent.msg_id === id), 500);
      if (await seen.catch(() => undefined)) {
        return;
      }
    }
  }

  async #read(channel: string, socket: AsyncIterable<Buffer[]>): Promise<void> {
    try {
      for await (const frames of socket) {
        const at = frames.findIndex((frame) => frame.toString() === "<IDS|MSG>");
        const [signature, ...parts] = frames.slice(at + 1, at + 6);
        assert.equal(signature?.toString(), this.sign(parts), "the kernel signs what it sends");
        const [header, parent, metadata, content] = parts.map((part) => JSON.parse(part.toString()) as Content);
        this.log.push({ channel, header, parent, metadata, content } as Received);
        for (const check of this.#waiting) {
          check();
        }
      }
    } catch (error) {
      if (!this.iopub.closed) {
        throw error;
      }
    }
  }

  sign(parts: (Buffer | string)[]): string {
    if (this.key === "") {
      return "";
    }
    const hmac = createHmac("sha256", this.key);
    for (const part of parts) {
      hmac.update(part);
    }
    return hmac.digest("hex");
  }

  /** The frames of a request, and its id. */
  frames(
    msg_type: string,
    content: Content,
    parent: Content = {},
    metadata: Content = {},
  ): { id: string; frames: string[] } {
    const header = {
      ...{ msg_id: randomUUID(), msg_type, session: this.session, username: "test" },
      ...{ date: new Date().toISOString(), version: "5.3" },
    };
    const parts = [header, parent, metadata, content].map((part) => JSON.stringify(part));
    return { id: header.msg_id, frames: ["<IDS|MSG>", this.sign(parts), ...parts] };
  }

  async send(
    channel: "shell" | "control" | "stdin",
    type: string,
    content: Content,
    parent?: Content,
    metadata?: Content,
  ): Promise<string> {
    const { id, frames } = this.frames(type, content, parent, metadata);
    await this[channel].send(frames);
    return id;
  }

  /** The first truthy value of `find`, tried after every message. */
  wait<T>(find: () => T | undefined, ms = DEADLINE): Promise<T> {
    return new Promise((done, fail) => {
      const check = (): void => {
        const found = find();
        if (found) {
          clearTimeout(timer);
          this.#waiting.delete(check);
          done(found);
        }
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        fail(new Error(`Nothing came within ${ms} ms. The process wrote: ${this.terminal}`));
      }, ms);
      this.#waiting.add(check);
      check();
    });
  }

  /** The reply to request `id`. */
  async reply(id: string, ms?: number): Promise<Content> {
    const found = await this.wait(
      () => this.log.find((m) => m.parent.msg_id === id && /^(shell|control)$/.test(m.channel)),
      ms,
    );
    return found.content;
  }

  /** Messages on iopub that belong to request `id`. */
  of(id: string): Received[] {
    return this.log.filter((m) => m.channel === "iopub" && m.parent.msg_id === id);
  }

  async idle(id: string, ms?: number): Promise<void> {
    await this.wait(() => this.of(id).find((m) => m.content.execution_state === "idle"), ms);
  }

  async request(channel: "shell" | "control", type: string, content: Content = {}): Promise<Content> {
    const id = await this.send(channel, type, content);
    const reply = await this.reply(id);
    await this.idle(id);
    return reply;
  }

  /** Sends an execute request and does not wait. */
  submit(code: string, options: Content = {}, metadata: Content = {}): Promise<string> {
    const defaults = {
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: true,
      stop_on_error: true,
    };
    return this.send("shell", "execute_request", { code, ...defaults, ...options }, {}, metadata);
  }

  /** Runs a cell and gathers what came of it; it may take `ms`. */
  async execute(code: string, options: Content = {}, ms?: number): Promise<Execution> {
    return this.finished(await this.submit(code, options), ms);
  }

  /** What came of execute request `id`, once it has ended. */
  async finished(id: string, ms?: number): Promise<Execution> {
    const reply = await this.reply(id, ms);
    await this.idle(id, ms);
    const messages = this.of(id);
    const text = (name: string): string =>
      messages
        .filter((m) => m.header.msg_type === "stream" && m.content.name === name)
        .map((m) => m.content.text)
        .join("");
    const result = messages.find((m) => m.header.msg_type === "execute_result")?.content.data["text/plain"];
    return { reply, messages, stdout: text("stdout"), stderr: text("stderr"), result };
  }

  /** Settles with the exit code when the process has ended. */
  exited(ms = DEADLINE): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) {
      return Promise.resolve(this.process.exitCode);
    }
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error("The kernel did not end.")), ms);
      this.process.once("exit", (code) => {
        clearTimeout(timer);
        done(code);
      });
    });
  }

  /** Ends the kernel and everything of this client. */
  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      await this.send("control", "shutdown_request", { restart: false });
      await this.exited(10_000).catch(() => this.process.kill("SIGKILL"));
    }
    this.close();
  }

  /** Ends everything of this client alone. */
  close(): void {
    for (const socket of [this.shell, this.control, this.stdin, this.iopub, this.heartbeat]) {
      socket.close();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
