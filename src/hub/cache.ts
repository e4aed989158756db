/**
 * One model's folder in the shared Hugging Face cache: `blobs/<etag>` hold the contents, `snapshots/<commit>/<file>` point
 * at them, `refs/<revision>` name commits, `.no_exist/<commit>/<file>` remember what a commit does not have. What is
 * written here Python's huggingface_hub reads, and the other way round.
 */
import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

const commitHash = /^[0-9a-f]{40}$/;
/** Whether a revision is a commit itself, which nobody can move. */
export const isCommit = (revision: string): boolean => commitHash.test(revision);

export class ModelCache {
  readonly folder: string;
  readonly locks: string;

  constructor(
    readonly root: string,
    id: string,
  ) {
    const name = `models--${id.replaceAll("/", "--")}`;
    this.folder = join(root, name);
    this.locks = join(root, ".locks", name);
  }

  /** The commit that a revision named when it was last asked for. */
  async commit(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const ref = await readNote(join(this.folder, "refs", revision)).catch(() => "");
    return isCommit(ref.trim()) ? ref.trim() : undefined;
  }

  /** The one commit of which files lie here; undefined where there are several. */
  async onlyCommit(): Promise<string | undefined> {
    const names = (await readdir(join(this.folder, "snapshots")).catch(() => [])).filter(isCommit);
    return names.length === 1 ? names[0] : undefined;
  }

  /** Remembers the commit that a revision names. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commit(revision)) === commit) return;
    await this.#writeWhole(join(this.folder, "refs", revision), commit);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Held by whoever fetches a blob. */
  lock(etag: string): string {
    return join(this.locks, `${etag}.phi3lab.lock`);
  }

  /** Whether a commit's file lies here: its path, undefined when nobody knows, null when the commit has no such file. */
  async find(commit: string, file: string): Promise<string | null | undefined> {
    const path = join(this.snapshot(commit), file);
    if (await exists(path)) return path;
    return (await exists(join(this.folder, ".no_exist", commit, file))) ? null : undefined;
  }

  /** Remembers that a commit has no such file. */
  async setAbsent(commit: string, file: string): Promise<void> {
    await this.#writeWhole(join(this.folder, ".no_exist", commit, file), "");
  }

  /** Lets a commit's file point at a blob; where the system has no links, the file is a copy. */
  async point(commit: string, file: string, etag: string): Promise<string> {
    const path = join(this.snapshot(commit), file);
    const blob = this.blob(etag);
    const target = relative(dirname(path), blob);
    if ((await readlink(path).catch(() => undefined)) === target) return path;
    await mkdir(dirname(path), { recursive: true });
    await this.#replace(path, (whole) =>
      symlink(target, whole).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST") throw error;
        return copyFile(blob, whole);
      }),
    );
    return path;
  }

  /** Writes a small file so that a reader never sees half of it. */
  async #writeWhole(path: string, text: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await this.#replace(path, (whole) => writeFile(whole, text));
  }

  /** Lets a file appear at once whole. It is made beside the locks, where nobody takes it for a part of the cache. */
  async #replace(path: string, make: (whole: string) => Promise<unknown>): Promise<void> {
    await mkdir(this.locks, { recursive: true });
    const whole = join(this.locks, `${basename(path)}.${randomUUID().slice(0, 8)}.tmp`);
    try {
      await make(whole);
      await rename(whole, path);
    } catch (error) {
      await rm(whole, { force: true });
      throw error;
    }
  }
}

/** The text of a small file that any process may have put here; a pipe would be waited for without end. */
export async function readNote(path: string): Promise<string> {
  const found = await stat(path);
  if (!found.isFile() || found.size > 4096) throw new Error(`${path} is no note`);
  return readFile(path, "utf8");
}

/** Follows links: a link to a blob that is gone counts as nothing. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
