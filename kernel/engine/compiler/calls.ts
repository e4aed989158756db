/** How the compiler is called from another process or thread: by messages, answered in any order. */
import type { MessagePort } from "node:worker_threads";
import type { Compiler } from "../compiled";

/** What can be called. */
export type Method = keyof Compiler;

export interface Call {
  id: number;
  method: Method;
  args: unknown[];
}

export interface Answer {
  id: number;
  value?: unknown;
  /** The call failed. */
  error?: string;
}

/** Answers a call on `compiler`. */
export async function answer(compiler: Compiler, { id, method, args }: Call): Promise<Answer> {
  try {
    const run = compiler[method] as (...args: unknown[]) => Promise<unknown>;
    return { id, value: await run.apply(compiler, args) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

interface Waiting {
  call: Call;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The calls that wait for their answers. */
export class Calls {
  readonly #send: (call: Call) => void;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(send: (call: Call) => void) {
    this.#send = send;
  }

  call(method: Method, args: unknown[]): Promise<unknown> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const call = { id, method, args };
      this.#waiting.set(id, { call, resolve, reject });
      this.#send(call);
    });
  }

  take({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  /** Sends everything again: nobody got it. */
  repeat(): void {
    for (const { call } of this.#waiting.values()) this.#send(call);
  }

  /** Nobody answers any more. */
  fail(reason: string): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(new Error(reason));
  }
}

/** A compiler whose methods are calls. */
export function remote(call: (method: Method, args: unknown[]) => Promise<unknown>): Compiler {
  const method =
    (name: Method) =>
    (...args: unknown[]): Promise<never> =>
      call(name, args) as Promise<never>;
  return {
    cell: method("cell"),
    keep: method("keep"),
    module: method("module"),
    resolve: method("resolve"),
    complete: method("complete"),
    inspect: method("inspect"),
    isComplete: method("isComplete"),
    setTypecheck: method("setTypecheck"),
  };
}

/** Answers the calls that come by `port` from another thread. */
export function serve(compiler: Compiler, port: MessagePort): void {
  port.on("message", async ({ id, method, args }: Call) => {
    const run = compiler[method] as (...args: unknown[]) => Promise<unknown>;
    const failed = (error: Error): Answer => ({ id, error: error.message });
    port.postMessage(await run(...args).then((value): Answer => ({ id, value }), failed));
  });
}

/** The compiler that another thread serves at the other end of `port`. */
export function reach(port: MessagePort): Compiler {
  const calls = new Calls((call) => port.postMessage(call));
  port.on("message", (answer: Answer) => calls.take(answer));
  return remote((method, args) => calls.call(method, args));
}
