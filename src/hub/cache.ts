/**
 * One model's folder in the shared Hugging Face cache: `blobs/<etag>` hold the contents, `snapshots/<commit>/<file>` point
 * at them, `refs/<revision>` name commits, `.no_exist/<commit>/<file>` remember what a commit does not have. What is
 * written here Python's huggingface_hub reads, and the other way round.
 */
import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

const commitHash = /^[0-9a-f]{40}$/;

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
    if (commitHash.test(revision)) return revision;
    const ref = await readFile(join(this.folder, "refs", revision), "utf8").catch(() => "");
    return commitHash.test(ref.trim()) ? ref.trim() : undefined;
  }

  /** Remembers the commit that a revision names. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision !== commit) await writeWhole(join(this.folder, "refs", revision), commit);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Whether a commit's file lies here: its path, undefined when nobody knows, null when the commit has no such file. */
  async find(commit: string, file: string): Promise<string | null | undefined> {
    const path = join(this.snapshot(commit), file);
    if (await exists(path)) return path;
    return (await exists(join(this.folder, ".no_exist", commit, file))) ? null : undefined;
  }

  /** Remembers that a commit has no such file. */
  async setAbsent(commit: string, file: string): Promise<void> {
    await writeWhole(join(this.folder, ".no_exist", commit, file), "");
  }

  /** Lets a commit's file point at a blob; where the system has no links, the file is a copy. */
  async point(commit: string, file: string, etag: string): Promise<string> {
    const path = join(this.snapshot(commit), file);
    const blob = this.blob(etag);
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    try {
      await symlink(relative(dirname(path), blob), path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Two processes at once: the other one's link says the same.
      if (code === "EEXIST") return path;
      const copy = `${path}.${randomUUID().slice(0, 8)}.tmp`;
      await copyFile(blob, copy);
      await rename(copy, path);
    }
    return path;
  }
}

/** Follows links: a link to a blob that is gone counts as nothing. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Writes a small file so that a reader never sees half of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const whole = join(dirname(path), `${basename(path)}.${randomUUID().slice(0, 8)}.tmp`);
  await writeFile(whole, text);
  await rename(whole, path);
}
