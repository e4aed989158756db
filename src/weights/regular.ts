/**
 * Opens files that others wrote. Only regular ones: a pipe would be waited for without end, a device has no end, or does
 * something when it is opened.
 */
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { WeightsError } from "./error";

/**
 * Opens a regular file for reading.
 *
 * @returns undefined where there is none of this name.
 * @throws WeightsError where it is something else, or cannot be opened.
 */
export async function openRegular(file: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    // Asked before, as opening alone may do something, and after, as the name may mean something else by then.
    refuseIrregular(file, await stat(file));
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof WeightsError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new WeightsError(file, `${file} cannot be opened (${code ?? message}).`);
  }
  try {
    refuseIrregular(file, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The text of a file.
 *
 * @param most Bytes: more than this is no file of its kind.
 * @returns undefined where there is none of this name.
 * @throws WeightsError where it cannot be read, or is too large.
 */
export async function readText(file: string, most: number): Promise<string | undefined> {
  const handle = await openRegular(file);
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    if (size > most) {
      const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
      throw new WeightsError(file, `${file} has ${megabytes(size)}; expected at most ${megabytes(most)}.`);
    }
    return await handle.readFile("utf8");
  } catch (error) {
    if (error instanceof WeightsError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new WeightsError(file, `${file} cannot be read (${code ?? message}).`);
  } finally {
    await handle.close();
  }
}

type Kind = Awaited<ReturnType<typeof stat>>;

function refuseIrregular(file: string, found: Kind): void {
  if (found.isFile()) return;
  const kind = found.isDirectory() ? "folder" : found.isFIFO() ? "named pipe" : found.isSocket() ? "socket" : "device";
  throw new WeightsError(file, `${file} is a ${kind}; expected a file.`);
}
