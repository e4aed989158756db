/** Pictures by their bytes, or by the path of a file. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type MimeBundle, jupyterDisplay } from "../../src/host";
import type { Shown } from "./bundle";

/** Kinds of pictures by how their bytes begin. */
const KINDS: [type: string, pattern: RegExp][] = [
  ["image/png", /^\x89PNG\r\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8/],
  ["image/webp", /^RIFF[\s\S]{4}WEBP/],
  ["image/bmp", /^BM/],
  [
    "image/svg+xml",
    /^(?:\xef\xbb\xbf)?\s*(?:<\?xml[\s\S]*?\?>\s*)?(?:<!--[\s\S]*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s/>]/,
  ],
];

export interface ImageOptions {
  /** In pixels. */
  width?: number;
  height?: number;
  /** What the picture shows, in words. */
  alt?: string;
}

/** A picture that shows itself. Throws a sentence when it is none, or when the file cannot be read. */
export function image(source: unknown, { width, height, alt }: ImageOptions = {}): Shown {
  const isFile = typeof source === "string" || source instanceof URL;
  const bytes = isFile ? read(source) : bytesOf(source);
  const type = kindOf(bytes);
  const size = { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }) };
  const text = alt ?? (isFile ? `[${type} ${basename(String(source))}]` : `[${type}, ${bytes.length} bytes]`);
  const data = type === "image/svg+xml" ? Buffer.from(bytes).toString("utf8") : Buffer.from(bytes).toString("base64");
  const metadata = { ...size, ...(alt === undefined ? {} : { alt }) };
  return {
    metadata: Object.keys(metadata).length > 0 ? { [type]: metadata } : {},
    [jupyterDisplay]: (): MimeBundle => ({ [type]: data, "text/plain": text }),
  };
}

function read(source: string | URL): Uint8Array {
  const text = String(source);
  if (/^https?:/.test(text)) {
    throw new Error(
      `Expected a path or bytes for display.image but received ${text}; use display.image(await (await fetch(url)).arrayBuffer())`,
    );
  }
  const inline = /^data:image\/[\w.+-]+;base64,(.*)$/s.exec(text);
  if (inline) {
    return Buffer.from(inline[1] as string, "base64");
  }
  return readFileSync(text.startsWith("file:") ? fileURLToPath(text) : text);
}

function bytesOf(source: unknown): Uint8Array {
  if (source instanceof ArrayBuffer || source instanceof SharedArrayBuffer) {
    return new Uint8Array(source);
  }
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  throw new TypeError(
    `Expected a path or bytes for display.image but received ${source === null ? "null" : typeof source}`,
  );
}

function kindOf(bytes: Uint8Array): string {
  const begin = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 1_024)).toString("latin1");
  const found = KINDS.find(([, pattern]) => pattern.test(begin));
  if (found === undefined) {
    throw new Error(
      "Expected a PNG, JPEG, GIF, WebP, BMP or SVG picture for display.image, but the bytes begin otherwise.",
    );
  }
  return found[0];
}
