/** Cells of TypeScript and what a reader sees of them, on the engine alone. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { Group } from "./cells/group";
import { imports } from "./cells/imports";
import { language } from "./cells/language";
import { names } from "./cells/names";
import { EngineSession, Unawaited } from "./run/session";

const tables: Record<string, Group[]> = {
  "Names behave as in one long program that is edited:": names,
  "Cells take the language of today:": language,
  "Cells import and export:": imports,
};

for (const [title, groups] of Object.entries(tables)) {
  describe(title, function () {
    this.timeout(120_000);
    // tslab's executor serves one session at a time, the latest: first the groups that share one.
    const ordered = [...groups].sort((a, b) => Number(a.files !== undefined) - Number(b.files !== undefined));
    /** Groups without files of their own follow one another in it. */
    let shared: EngineSession | undefined;
    after(() => shared?.remove());

    for (const group of ordered) {
      it(group.title, async () => {
        let session = shared;
        if (group.files) {
          session = new EngineSession();
          session.write(group.files);
        } else {
          shared ??= new EngineSession();
          session = shared;
        }
        try {
          for (const cell of group.cells) await check(session as EngineSession, cell);
        } finally {
          if (group.files) session?.remove();
        }
      });
    }
  });
}

async function check(session: EngineSession, [code, value, error]: Group["cells"][number]): Promise<void> {
  if (error) {
    assert.match(await session.failure(code), error, code);
    return;
  }
  const got = await session.run(code).catch((thrown: unknown) => {
    throw new Error(`${code}\n${session.reporter.report(thrown).traceback.join("\n")}`);
  });
  assert.equal(inspect(got instanceof Unawaited ? got.promise : got), value, code);
}
