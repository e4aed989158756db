/** Where models come from and lie: the environment variables that all Hugging Face tools share. */
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const env = (name: string): string | undefined => process.env[name] || undefined;
const isTrue = (name: string): boolean => /^(1|on|yes|true)$/i.test(process.env[name] ?? "");

/** HF_HOME, or a folder in the user's cache. */
export function hfHome(): string {
  return expandHome(env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface"));
}

/** The folder with one folder a model, in the layout that Python's huggingface_hub shares. */
export function hubCache(): string {
  return expandHome(env("HF_HUB_CACHE") ?? env("HUGGINGFACE_HUB_CACHE") ?? join(hfHome(), "hub"));
}

/** The hub's address, without a slash at its end. */
export function endpoint(): string {
  return (env("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, "");
}

/** True when nothing may be fetched. */
export function offline(): boolean {
  return isTrue("HF_HUB_OFFLINE") || isTrue("TRANSFORMERS_OFFLINE");
}

/** Milliseconds, from a variable in seconds as huggingface_hub reads it. */
const seconds = (name: string, usual: number): number => {
  const given = Number(env(name) ?? usual);
  return (Number.isFinite(given) && given > 0 ? given : usual) * 1000;
};

/** How long the hub may take to answer. */
export const etagTimeout = (): number => seconds("HF_HUB_ETAG_TIMEOUT", 10);

/** How long a download may be silent. */
export const downloadTimeout = (): number => seconds("HF_HUB_DOWNLOAD_TIMEOUT", 10);

/** The user's token: HF_TOKEN, or the file that `hf auth login` writes. */
export function savedToken(): string | undefined {
  const given = env("HF_TOKEN") ?? env("HUGGING_FACE_HUB_TOKEN");
  if (given) return given.trim() || undefined;
  if (isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return undefined;
  try {
    const path = expandHome(env("HF_TOKEN_PATH") ?? join(hfHome(), "token"));
    return statSync(path).isFile() ? readFileSync(path, "utf8").trim() || undefined : undefined;
  } catch {
    return undefined;
  }
}

/** `~/models` as the shell would read it. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}
