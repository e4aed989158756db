/** What a hub's refusals mean, in sentences that say what to do; and how long it asks to wait. */

/** What was asked for, and how. */
export interface Asked {
  id: string;
  revision: string;
  endpoint: string;
  /** Whether a token was sent. */
  token: boolean;
}

/** A sentence about an answer that no further try will change. */
export function refusal(asked: Asked, { status, headers, url }: Response): string {
  const { id, revision, endpoint, token } = asked;
  const page = `${endpoint}/${id}`;
  const code = headers.get("x-error-code");
  if (code === "RevisionNotFound") return `${id} has no revision ${JSON.stringify(revision)}; see ${page}.`;
  if (code === "EntryNotFound") {
    const [, inside] = /\/(?:tree|resolve)\/[0-9a-f]{40}\/([^?]+)/.exec(url) ?? [];
    const what = inside === undefined ? "such file or folder" : JSON.stringify(decodeURIComponent(inside));
    return `${id} has no ${what} at the revision ${JSON.stringify(revision)}; see ${page}/tree/${revision} for what it has.`;
  }
  const said = headers.get("x-error-message");
  if (code === "DisabledRepo") return `${id} was disabled by the hub (${status}): ${said ?? `see ${page}`}.`;
  if (code === "GatedRepo" || (status === 403 && !token)) {
    const who = token ? "your token gives no access to it" : "it asks for a token (HF_TOKEN) of a user with access";
    return `${id} is gated: ${who}. Ask for access at ${page}.`;
  }
  if (status === 403)
    return `${endpoint} refuses ${id} to your token (403${said === null ? "" : `: ${said}`}); give the token (HF_TOKEN) the right to read it, or ask for access at ${page}.`;
  if (status === 401 && token)
    return `${endpoint} does not accept your token (401); check HF_TOKEN, and that ${id} exists.`;
  if (status === 401 || status === 404) {
    const hint = token ? "" : " If it is private, set HF_TOKEN.";
    return `There is no model ${JSON.stringify(id)} at ${endpoint} (${status}); check its name.${hint}`;
  }
  return `${endpoint} answered ${status} for ${id}.`;
}

/** Milliseconds after which a hub wants to be asked again, by either of the headers that say so. */
export function waitAsked(headers: Headers): number | undefined {
  const [, left, resets] = /;\s*r\s*=\s*(\d+)\s*;\s*t\s*=\s*(\d+)/.exec(headers.get("ratelimit") ?? "") ?? [];
  if (left === "0") return Number(resets) * 1000;
  const after = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(after)) return Number(after) * 1000;
  const date = Date.parse(after);
  return date > Date.now() ? date - Date.now() : undefined;
}

/** "40 s", "5 minutes", "an hour". */
export function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} minutes`;
  return `${Math.ceil(seconds / 3600)} hours`;
}

/** What to do about an answer that says "later". */
export function later(asked: Asked, status: number, times: number, wait = 0): string {
  const { id, endpoint, token } = asked;
  const when = wait === 0 ? "later" : `in ${duration(wait)}, as it asks`;
  const answered = `${endpoint} answered ${status} for ${id}${times > 1 ? `, ${times} times` : ""}`;
  if (status !== 429) return `${answered}: it has trouble of its own; try again ${when}`;
  const more = token ? "" : ", or set HF_TOKEN: signed-in users may ask more often";
  return `${answered}: too many requests; try again ${when}${more}`;
}
