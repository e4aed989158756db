/** Starts the compiler's process, and starts it anew if it ended. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { CompiledCell, Compiler } from "../compiled";
import type { TypecheckMode } from "../engine";
import { dropSnapshot, findSnapshot, FLAGS, makeSnapshot } from "./snapshot";
import { type Answer, Calls, type Method, remote } from "./calls";
import type { CompilerOptions } from "./compiler";
import { tslabTypes } from "../run/tslab";

/** What V8's own compiler allocates goes back to the system: glibc would keep 50 MB of it after some hundred cells. */
const MALLOC = { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "131072", MALLOC_MMAP_THRESHOLD_: "65536" };
/** A snapshot is made when the first cells are through. */
const SNAPSHOT_AFTER_MS = 10_000;

export class CompilerProcess {
  readonly #options: CompilerOptions;
  /** The cells that were kept, to be compiled anew by another process. */
  readonly #kept: string[] = [];
  readonly #texts = new Map<number, string>();
  #typecheck: TypecheckMode | undefined;
  #child: ChildProcess | undefined;
  #calls: Calls | undefined;
  #restored: Promise<unknown> = Promise.resolve();
  readonly compiler: Compiler = remote((method, args) => this.#call(method, args));

  constructor(options: Omit<CompilerOptions, "tslabTypes">) {
    this.#options = { ...options, tslabTypes };
    this.#start();
  }

  async #call(method: Method, args: unknown[]): Promise<unknown> {
    if (this.#calls === undefined) this.#restored = this.#restore();
    await this.#restored;
    const value = await this.#send(method, args);
    if (method === "cell") this.#texts.set((value as CompiledCell).id, args[0] as string);
    if (method === "keep") this.#remember(args[0] as number);
    if (method === "setTypecheck") this.#typecheck = args[0] as TypecheckMode;
    return value;
  }

  #send(method: Method, args: unknown[]): Promise<unknown> {
    return (this.#calls as Calls).call(method, args);
  }

  #remember(id: number): void {
    const text = this.#texts.get(id);
    if (text !== undefined) this.#kept.push(text);
    this.#texts.clear();
  }

  #start(): void {
    const { snapshot, missing } = findSnapshot();
    if (missing) setTimeout(makeSnapshot, SNAPSHOT_AFTER_MS).unref();
    const calls = new Calls((call) => this.#child?.send(call, () => undefined));
    this.#calls = calls;
    this.#fork(calls, snapshot);
  }

  #fork(calls: Calls, snapshot: string | undefined): void {
    let answered = false;
    const child = fork(join(__dirname, "process.js"), [JSON.stringify(this.#options)], {
      execArgv: [...FLAGS, ...(snapshot === undefined ? [] : ["--snapshot-blob", snapshot])],
      env: { ...process.env, ...MALLOC, NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child = child;
    child.on("message", (answer: Answer) => {
      answered = true;
      calls.take(answer);
    });
    child.on("error", () => undefined);
    child.on("exit", (code, signal) => {
      if (this.#child !== child) return;
      if (snapshot !== undefined && !answered) {
        dropSnapshot(snapshot);
        this.#fork(calls, undefined);
        calls.repeat();
        return;
      }
      this.#child = undefined;
      this.#calls = undefined;
      const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
      calls.fail(`The compiler ${how}; it starts anew with the next cell, and every variable is kept.`);
    });
  }

  /** A new process learns what all kept cells declared. */
  async #restore(): Promise<void> {
    this.#start();
    await this.#send("setTypecheck", ["off"]);
    for (const text of this.#kept) {
      const { id } = (await this.#send("cell", [text])) as CompiledCell;
      await this.#send("keep", [id]);
    }
    await this.#send("setTypecheck", [this.#typecheck ?? (this.#options.language === "javascript" ? "off" : "error")]);
  }
}
