/** A client of a scripted hub, and what tests ask of it. */
import { type ClientOptions, HubClient, type HubFile } from "../../../src/hub/client";
import { json, type Script } from "./script";
import { commit } from "./tiny_files";

export { commit };
const sha256 = "89abcdef".repeat(8);

/** What a hub says of a revision that it has. */
export const found = json({ _id: "1", id: "acme/tiny", sha: commit, lastModified: "2026-01-01T00:00:00.000Z" });

export function asked(hub: Script) {
  const client = (options: Partial<ClientOptions> = {}, revision = "main") =>
    new HubClient("acme/tiny", revision, { endpoint: hub.url, ...options });
  const file = (size: number, path = "a.bin"): HubFile => ({ path, size, etag: sha256, sha256: true });
  /** Reads a file; gives what came, each piece behind its position. */
  const read = async (size: number, start = 0, options: Partial<ClientOptions> = {}, path?: string) => {
    const pieces: string[] = [];
    await client(options).read(commit, file(size, path), start, async (bytes, at) => {
      pieces.push(`${at}:${Buffer.from(bytes)}`);
    });
    return pieces.join(" ");
  };
  return { client, file, read };
}
