/** A server on the loopback that answers as a test tells it, one request after another. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers one request after another; the last answer stands for all that follow. */
export class Script {
  readonly seen: IncomingMessage[] = [];
  readonly #server: Server;
  #answers: Answer[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      this.seen.push(request);
      const [answer] = this.#answers.length > 1 ? this.#answers.splice(0, 1) : this.#answers;
      answer?.(request, response);
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  answers(...answers: Answer[]): void {
    this.#answers = answers;
    this.seen.length = 0;
  }
}

export const json =
  (value: unknown): Answer =>
  (_, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(code, { "retry-after": "0", ...headers }).end();
