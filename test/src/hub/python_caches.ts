/**
 * Caches as Python's huggingface_hub leaves them, and what names mean to it, in python_caches.json. Made anew by
 *
 *     PHI3LAB_REFERENCE_PYTHON=… npx tsx test/src/hub/python_caches.ts
 *
 * with a Python that has huggingface_hub; python_caches.py does the work, on the hub of server.ts.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HubSandbox } from "./sandbox";
import type { HubServer } from "./server";

export const id = "acme/tiny";
export const [first, second] = ["1".repeat(40), "2".repeat(40)] as [string, string];

/** Bytes that are the same each time. */
function noise(length: number, seed: string): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) parts.push(createHash("sha256").update(`${seed} ${i}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

/** The model's files at a commit. */
export function filesAt(commit: string): Record<string, Buffer> {
  const map = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };
  return {
    "config.json": Buffer.from(`{"model_type": "phi3", "a": ${commit[0]}}`),
    "tokenizer.json": noise(3000, `tokenizer ${commit}`),
    "tokenizer_config.json": Buffer.from("{}"),
    "model.safetensors.index.json": Buffer.from(JSON.stringify({ weight_map: map })),
    "model-00001-of-00002.safetensors": noise(5000, "first"),
    "model-00002-of-00002.safetensors": noise(70, "second"),
    "additional_chat_templates/rag.jinja": Buffer.from("{{ messages }}"),
    "README.md": Buffer.from("hello"),
  };
}

const tokenizer = [
  "additional_chat_templates/rag.jinja",
  "tokenizer_config.json",
  "tokenizer.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];
const weights = [
  "config.json",
  "generation_config.json",
  "model.safetensors.index.json",
  "model-00001-of-00002.safetensors",
  "model-00002-of-00002.safetensors",
];

interface Fetched {
  /** The commit that main is. */
  main: string;
  /** What is asked for. */
  revision: string;
  only?: "tokenizer" | "weights";
}
/** What is fetched into one cache, one after the other. */
export const histories: Record<string, Fetched[]> = {
  "a whole model": [{ main: first, revision: "main" }],
  "a tokenizer": [{ main: first, revision: "main", only: "tokenizer" }],
  "weights by their commit": [{ main: first, revision: first, only: "weights" }],
  "a branch that moved": [
    { main: first, revision: "main" },
    { main: second, revision: "main" },
  ],
};
export const names = [
  "a/b",
  "a/b@v1.0",
  "a/b@refs/pr/7",
  "a/b@refs%2Fpr%2F7",
  "a/b@feature%2Fx",
  `a/b@${"0".repeat(40)}`,
  "a/b@v1/sub/c.gguf",
  "a/b@refs/pr/1/c.gguf",
  "hf://a/b@v1/c.gguf",
  "a/b/c.gguf",
  "a/b/sub/c.gguf",
  "a/b@",
  "@v1",
];

/** A cache's files by their paths: a link's target, or a file's text or hash. */
export type Tree = Record<string, string>;

export function treeOf(folder: string): Tree {
  const tree: Tree = {};
  for (const path of (readdirSync(folder, { recursive: true }) as string[]).sort()) {
    const file = join(folder, path);
    const found = lstatSync(file);
    if (found.isSymbolicLink()) tree[path] = `-> ${readlinkSync(file)}`;
    else if (found.isFile()) {
      const bytes = readFileSync(file);
      tree[path] = bytes.length <= 40 ? String(bytes) : createHash("sha256").update(bytes).digest("hex");
    }
  }
  return tree;
}

/** Writes a cache as it was; `contents`: what its blobs hold. */
export function plant(folder: string, tree: Tree, contents: Buffer[]): void {
  const byHash = new Map(contents.map((bytes) => [createHash("sha256").update(bytes).digest("hex"), bytes]));
  for (const [path, text] of Object.entries(tree)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    if (text.startsWith("-> ")) symlinkSync(text.slice(3), file);
    else writeFileSync(file, byHash.get(text) ?? text);
  }
}

/** Makes the hub what it was when something was fetched. */
export function setHub(server: HubServer, { main }: Fetched): void {
  server.repos.set(id, { id, commit: main, files: filesAt(main) });
}

/** Asks a Python; python_caches.json holds the answer. */
export async function ask(python: string): Promise<{ caches: Record<string, Tree>; names: (string | null)[][] }> {
  const run = (argument: string, input: unknown) =>
    new Promise<string>((done, fail) => {
      const child = execFile(
        python,
        [join(__dirname, "python_caches.py"), argument],
        { env: { ...process.env, HF_HUB_DISABLE_XET: "1" } },
        (error, stdout, stderr) => (error ? fail(new Error(stderr)) : done(stdout)),
      );
      child.stdin?.end(JSON.stringify(input));
    });
  const caches: Record<string, Tree> = {};
  for (const [name, history] of Object.entries(histories)) {
    const sandbox = await HubSandbox.start();
    try {
      for (const one of history) {
        setHub(sandbox.server, one);
        const files = [...(one.only === "weights" ? [] : tokenizer), ...(one.only === "tokenizer" ? [] : weights)];
        await run(
          id,
          files.map((file) => ({ file, revision: one.revision })),
        );
      }
      caches[name] = treeOf(join(sandbox.folder, "hub", "models--acme--tiny"));
    } finally {
      await sandbox.stop();
    }
  }
  return { caches, names: JSON.parse(await run("names", names)) };
}

if (require.main === module)
  void ask(process.env.PHI3LAB_REFERENCE_PYTHON ?? "python3").then((answer) =>
    writeFileSync(join(__dirname, "python_caches.json"), `${JSON.stringify(answer, undefined, 1)}\n`),
  );
