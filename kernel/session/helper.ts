/**
 * Helps while a cell is typed, in the thread of the sockets: a cell that computes keeps nobody waiting. What it must know of
 * the session the main thread tells it as it changes; what changes all the time it asks for.
 */
import type { Compiler } from "../engine/compiled";
import type { AddedMagic, AddedMagics } from "../magics/added";
import type { Told } from "../protocol/link";
import type { Looks } from "../protocol/looks";
import type { Message } from "../protocol/message";
import type { AskKeys, Assistant } from "./assistant";

export class Helper {
  readonly #compiler: Pick<Compiler, "complete" | "inspect" | "isComplete">;
  readonly #looks: Looks;
  readonly #names = new Set<string>();
  /** Magics that were added before anybody asked for help. */
  readonly #early: AddedMagic[] = [];
  #loaded: { assistant: Assistant; magics: AddedMagics } | undefined;

  constructor(compiler: Pick<Compiler, "complete" | "inspect" | "isComplete">, looks: Looks) {
    this.#compiler = compiler;
    this.#looks = looks;
  }

  /** The content of the reply; undefined for a request of another kind. */
  answer({ header, content }: Message): Promise<Record<string, unknown>> | undefined {
    const code = typeof content.code === "string" ? content.code : "";
    const cursor = typeof content.cursor_pos === "number" ? content.cursor_pos : code.length;
    switch (header.msg_type) {
      case "complete_request":
        return this.#complete(code, cursor);
      case "inspect_request":
        return this.#load().assistant.inspect(code, cursor);
      case "is_complete_request":
        return this.#load().assistant.isComplete(code);
    }
    return undefined;
  }

  /** Takes in what the main thread says of the session. */
  hear(message: Told): void {
    switch (message.type) {
      case "names":
        for (const name of message.names) this.#names.add(name);
        return;
      case "magic":
        this.#loaded ? this.#loaded.magics.add(message.magic) : this.#early.push(message.magic);
        return;
      case "saw":
        this.#looks.take(message.number, message.answer);
        return;
    }
  }

  async #complete(code: string, cursor: number): Promise<Record<string, unknown>> {
    const { assistant, magics } = this.#load();
    await magics.refresh(code);
    return assistant.complete(code, cursor);
  }

  /** When it is first needed: the kernel should have started before. */
  #load(): { assistant: Assistant; magics: AddedMagics } {
    if (this.#loaded === undefined) {
      const { Assistant } = require("./assistant") as typeof import("./assistant");
      const { AddedMagics } = require("../magics/added") as typeof import("../magics/added");
      const { createRegistry } = require("../magics/table") as typeof import("../magics/table");
      const registry = createRegistry();
      const magics = new AddedMagics(registry, (magic) => this.#looks.ask({ kind: "values", magic }));
      for (const magic of this.#early.splice(0)) magics.add(magic);
      const isKnown = (name: string): boolean => name in globalThis || this.#names.has(name);
      const keys: AskKeys = (query) => this.#looks.ask({ kind: "keys", ...query }) as ReturnType<AskKeys>;
      this.#loaded = { assistant: new Assistant({ engine: this.#compiler, registry, isKnown, keys }), magics };
    }
    return this.#loaded;
  }
}
