/** Asks a kernel for help at the `│` of a text. */
import type { Content, TestKernel } from "../client";

export interface Completed {
  matches: string[];
  /** The text that a match replaces. */
  replaced: string;
}

/** The reply to a request about the text at its mark, or at its end. */
export function ask(kernel: TestKernel, type: string, marked: string): Promise<Content> {
  const at = [...marked].indexOf("│");
  const code = marked.replace("│", "");
  return kernel.request("shell", type, { code, cursor_pos: at < 0 ? [...code].length : at, detail_level: 0 });
}

export async function complete(kernel: TestKernel, marked: string): Promise<Completed> {
  const { matches, cursor_start, cursor_end } = await ask(kernel, "complete_request", marked);
  // The protocol counts code points.
  const replaced = [...marked.replace("│", "")].slice(cursor_start, cursor_end).join("");
  return { matches, replaced };
}

/** What Shift-Tab shows; undefined: nothing. */
export async function inspect(kernel: TestKernel, marked: string): Promise<string | undefined> {
  const { found, data } = await ask(kernel, "inspect_request", marked);
  return found ? data["text/plain"] : undefined;
}
