/**
 * The wire format of the Jupyter messaging protocol: frames in, messages out, and back.
 *
 * A frame list is `[identities…, "<IDS|MSG>", signature, header, parent_header, metadata, content, buffers…]`. The
 * signature covers the four raw JSON frames and is compared in constant time before anything is parsed. Whatever is
 * wrong with a frame list (no delimiter, a forged or replayed signature, broken JSON) makes `open` return undefined:
 * the kernel answers such frames by silence.
 */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

/** The protocol version this kernel speaks. */
export const PROTOCOL_VERSION = "5.4";

const DELIMITER = Buffer.from("<IDS|MSG>");

/** Signatures remembered against replays; the oldest are forgotten first. */
const REMEMBERED = 65_536;

/** What identifies a message; replies carry their request's header as `parent_header`. */
export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  date: string;
  version: string;
}

/** A message as it came in. */
export interface Message {
  /** Routing prefix of a ROUTER socket, to be sent back with the reply. */
  identities: Buffer[];
  header: Header;
  metadata: Record<string, unknown>;
  content: Record<string, unknown>;
}

/** A message to send: JSON texts that are already serialised. */
export interface Outgoing {
  identities: (Buffer | string)[];
  msg_type: string;
  /** JSON of the parent's header; `{}` for a message without one. */
  parent: string;
  metadata?: string;
  content: string;
}

/** Signs, verifies, packs and unpacks the messages of one connection. */
export class Codec {
  readonly session: string = randomUUID();
  readonly #key: string;
  readonly #hash: string;
  readonly #seen = new Set<string>();

  /**
   * @param key the connection file's `key`; empty: messages are neither signed nor checked
   * @param scheme the connection file's `signature_scheme`, `hmac-` and a hash name of node:crypto
   */
  constructor(key: string, scheme = "hmac-sha256") {
    if (!scheme.startsWith("hmac-")) {
      throw new Error(`Expected a signature_scheme such as "hmac-sha256" but the connection file says "${scheme}"`);
    }
    this.#key = key;
    this.#hash = scheme.slice("hmac-".length);
    this.#sign([]); // An unknown hash is an error at start-up, not at the first message.
  }

  /** The message in `frames`, or undefined when it must not be answered. */
  open(frames: Buffer[]): Message | undefined {
    const at = frames.findIndex((frame) => frame.equals(DELIMITER));
    if (at < 0 || frames.length < at + 6) {
      return undefined;
    }
    const signature = frames[at + 1] as Buffer;
    const parts = frames.slice(at + 2, at + 6);
    if (this.#key !== "" && !this.#isGenuine(signature, parts)) {
      return undefined;
    }
    try {
      const [header, , metadata, content] = parts.map((part) => JSON.parse(part.toString("utf8")) as unknown);
      if (!isHeader(header) || !isObject(content)) {
        return undefined;
      }
      return { identities: frames.slice(0, at), header, metadata: isObject(metadata) ? metadata : {}, content };
    } catch {
      return undefined;
    }
  }

  /** The frames of `message`, signed. */
  pack(message: Outgoing): (Buffer | string)[] {
    const header: Header = {
      msg_id: randomUUID(),
      msg_type: message.msg_type,
      session: this.session,
      username: "kernel",
      date: new Date().toISOString(),
      version: PROTOCOL_VERSION,
    };
    const parts = [JSON.stringify(header), message.parent, message.metadata ?? "{}", message.content];
    const signature = this.#key === "" ? "" : this.#sign(parts).toString("hex");
    return [...message.identities, DELIMITER, signature, ...parts];
  }

  #sign(parts: (Buffer | string)[]): Buffer {
    const hmac = createHmac(this.#hash, this.#key);
    for (const part of parts) {
      hmac.update(part);
    }
    return hmac.digest();
  }

  #isGenuine(signature: Buffer, parts: Buffer[]): boolean {
    const expected = Buffer.from(this.#sign(parts).toString("hex"));
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      return false;
    }
    const digest = expected.toString("latin1");
    if (this.#seen.has(digest)) {
      return false;
    }
    this.#seen.add(digest);
    if (this.#seen.size > REMEMBERED) {
      this.#seen.delete(this.#seen.values().next().value as string);
    }
    return true;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHeader(value: unknown): value is Header {
  return isObject(value) && typeof value.msg_id === "string" && typeof value.msg_type === "string";
}

/** JSON of `value` without lone surrogates, which Python clients cannot encode. */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!/\\ud[89a-f]/.test(text)) {
    return text;
  }
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "string" ? (inner as string & { toWellFormed(): string }).toWellFormed() : inner,
  );
}
