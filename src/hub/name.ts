/** How a user names a model of the hub: its id, with a revision, a quantisation or a file behind it, or its address. */
import { existsSync } from "node:fs";
import { HubError } from "./error";
import { endpoint } from "./settings";

export interface ModelName {
  /** "owner/name". */
  id: string;
  /** A branch, a tag or a commit. */
  revision?: string;
  /** The folder inside the repository. */
  subfolder?: string;
  /** A GGUF quantisation ("Q4_K_M"). */
  tag?: string;
  /** A .gguf file's path in the repository. */
  gguf_file?: string;
}

const id = "[A-Za-z0-9][\\w.-]*(?:/[\\w.-]+)?";
/** As huggingface_hub reads it behind an "@": slashes only in references of the hub's own, or written as %2F. */
const revisionName = "(?:refs/(?:pr|convert)/[\\w.-]+|[\\w.%-]+)";
const plain = new RegExp(`^(${id})(?:@(${revisionName}))?(?::([\\w.-]+))?$`);
const toFile = new RegExp(`^([A-Za-z0-9][\\w.-]*/[\\w.-]+)(?:@(${revisionName}))?/([\\w./ -]+\\.gguf)$`, "i");

/**
 * Reads "owner/name", "owner/name:Q4_K_M", "owner/name/folder/file.gguf", each with "@revision" behind the name, and
 * the address of a model's page, folder or file on the hub.
 *
 * @throws HubError where it can be none of them: a path that is not there, or no name at all.
 */
export function readName(model: string): ModelName {
  const address = /^(?:https?:\/\/|hf:\/\/|(?:www\.)?(?:huggingface\.co|hf\.co)\/)/i.test(model);
  if (address) return readAddress(model);
  const [, inside, fileRevision, gguf_file] = toFile.exec(model) ?? [];
  // A path whose folder is here was meant as one.
  const isPath =
    /^(\.{0,2}[/\\]|~[/\\]|[A-Za-z]:[/\\])/.test(model) || (inside && existsSync(model.split("/")[0] as string));
  if (isPath || (/\.gguf$/i.test(model) && inside === undefined))
    throw new HubError(`There is no model at ${model}: neither a folder nor a file.`);
  const [, name = inside, given = fileRevision, tag] = plain.exec(model) ?? [];
  if (name === undefined || model.includes("..")) {
    throw new HubError(
      `${JSON.stringify(model)} is neither a folder, nor a .gguf file, nor an id like "owner/name", "owner/name@revision", "owner/name:Q4_K_M" or "owner/name/file.gguf".`,
    );
  }
  const revision = given === undefined ? undefined : decoded(given, model);
  return { id: name, ...defined({ revision, gguf_file, tag }) };
}

/** What an address of the hub shows behind a model's name: a folder, or a file in one of these ways. */
const views = ["tree", "blob", "resolve", "raw", "blame", "edit", "commit", "commits"];
/** Their pages, of whatever revision. */
const pages = ["discussions", "settings"];

/** `https://huggingface.co/owner/name/blob/main/q4.gguf`, as copied from a browser; other hubs' where HF_ENDPOINT says so. */
function readAddress(address: string): ModelName {
  const fail = (what: string): never => {
    throw new HubError(`${address} ${what}; expected a model's id ("owner/name") or its address.`);
  };
  if (/^hf:\/\//i.test(address)) return readName(address.slice("hf://".length).replace(/^models\//, ""));
  let url: URL;
  try {
    url = new URL(/^https?:/i.test(address) ? address : `https://${address}`);
  } catch {
    return fail("is no address");
  }
  const home = new URL(endpoint());
  const known = ["huggingface.co", "www.huggingface.co", "hf.co", home.host];
  if (!known.includes(url.host)) fail(`is on ${url.host}, which is no Hugging Face hub (HF_ENDPOINT names another)`);
  const base = url.host === home.host ? home.pathname.replace(/\/+$/, "") : "";
  const inHub = url.pathname.startsWith(`${base}/`) ? url.pathname.slice(base.length) : url.pathname;
  const steps = inHub
    .split("/")
    .filter(Boolean)
    .map((step) => decoded(step, address));
  if (steps[0] === "api" && steps[1] === "models") steps.splice(0, 2);
  if (steps[0] === "models") steps.shift();
  const kind = ["datasets", "spaces", "collections", "papers", "docs"].find((name) => name === steps[0]);
  if (kind) fail(`is of the hub's ${kind}`);
  // The oldest models have no owner in their name.
  const words = steps.length >= 2 && ![...views, ...pages].includes(steps[1] as string) ? 2 : 1;
  const [view, ...rest] = steps.slice(words);
  const named = steps.slice(0, words).join("/");
  const [, name, tag] = /^([^:]*)(?::([\w.-]+))?$/.exec(named) ?? [];
  if (name === undefined || !new RegExp(`^${id}$`).test(name) || named.includes("..")) return fail("names no model");
  const shown = url.searchParams.get("show_file_info") ?? undefined;
  if (view === undefined || pages.includes(view))
    return { id: name, ...defined({ tag, gguf_file: shown?.endsWith(".gguf") ? shown : undefined }) };
  if (view === "revision" && rest.length > 0) return { id: name, revision: rest.join("/") };
  if (!views.includes(view)) return fail(`has ${JSON.stringify(view)} behind the model's name`);
  const long = rest[0] === "refs" ? 3 : 1;
  const revision = rest.slice(0, long).join("/") || undefined;
  const inside = view.startsWith("commit") ? [] : rest.slice(long);
  const last = inside.at(-1) ?? "";
  if (view !== "tree" && /\.gguf$/i.test(last))
    return { id: name, ...defined({ revision, gguf_file: inside.join("/") }) };
  const subfolder = (view === "tree" ? inside : inside.slice(0, -1)).join("/") || undefined;
  return { id: name, ...defined({ revision, subfolder }) };
}

/** Without what is undefined. */
function defined(given: Omit<ModelName, "id">): Omit<ModelName, "id"> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function decoded(text: string, model: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HubError(`${JSON.stringify(model)} is no name of a model: ${text} is damaged.`);
  }
}
