/** What the compiler says of a session whose cells share a program, against one where each cell has a program of its own. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SessionCompiler } from "../../../kernel/engine/compiler/compiler";
import { imports } from "./cells/imports";
import { language } from "./cells/language";
import { names } from "./cells/names";

/** A compiler in a folder of its own. */
class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "phi3lab-growing-"));
  readonly compiler: SessionCompiler;
  #age = 0;

  constructor(settings = "{}") {
    this.write({ "tsconfig.json": settings });
    this.compiler = new SessionCompiler({ folder: this.path, language: "typescript", tslabTypes: "" });
  }

  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), text);
    }
  }

  /** Settings that may have changed need another program. */
  renew(): void {
    this.#age += 1;
    utimesSync(join(this.path, "tsconfig.json"), this.#age, this.#age);
  }

  /** What the compiler says of a cell, which is kept if it compiles. */
  async cell(code: string): Promise<object> {
    const { errors, warnings, hasValue, javascript, id } = await this.compiler.cell(code);
    if (errors.length === 0) await this.compiler.keep(id);
    const told = JSON.stringify({ errors, warnings }).replaceAll(this.path, "");
    return { told: JSON.parse(told), hasValue, code: javascript?.code };
  }

  async errors(code: string): Promise<number[]> {
    const { errors, id } = await this.compiler.cell(code);
    if (errors.length === 0) await this.compiler.keep(id);
    return errors.map((each) => each.code);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

describe("Cells that share a program", function () {
  this.timeout(300_000);
  const folders: Folder[] = [];
  const open = (settings?: string): Folder => {
    const folder = new Folder(settings);
    folders.push(folder);
    return folder;
  };
  afterEach(() => {
    for (const each of folders.splice(0)) each.remove();
  });

  it("are compiled, checked and described as each would be in a program of its own", async () => {
    const shared = open();
    const single = open();
    const groups = [...names, ...language, ...imports].filter(({ files }) => files === undefined);
    assert.ok(groups.length > 20);
    for (const { title, cells } of groups)
      for (const [code] of cells) {
        single.renew();
        assert.deepEqual(await shared.cell(code), await single.cell(code), `${title}\n${code}`);
        for (const [, name = ""] of code.matchAll(/\b(?:const|let|function|class|enum)\s+([\w$]+)/g)) {
          single.renew();
          const [one, other] = [shared, single].map(({ compiler }) => compiler.inspect(name, name.length));
          assert.equal(await one, await other, `${title}\n${code}\n${name}`);
        }
      }
  });

  it("say a mistake as often as it is made, and no other's", async () => {
    const session = open();
    await session.errors("const one = 1;");
    for (let i = 0; i < 3; i++) assert.deepEqual(await session.errors("const wrong: string = one;"), [2322]);
    assert.deepEqual(await session.errors("const right: number = one;"), []);
    assert.deepEqual(await session.errors("one.nothing"), [2339]);
  });

  it("obey comments about their own mistakes alone", async () => {
    const session = open();
    await session.errors("const one = 1;");
    assert.deepEqual(await session.errors("const wrong: string = one;"), [2322]);
    assert.deepEqual(await session.errors("// @ts-expect-error\nconst fine: number = one;"), [2578]);
    assert.deepEqual(await session.errors("// @ts-expect-error\nconst wrong: string = one;"), []);
  });

  it("see what a package declares for everybody only where they import it", async () => {
    const session = open();
    session.write({
      "node_modules/loud/package.json": '{ "name": "loud", "version": "1.0.0", "types": "index.d.ts" }',
      "node_modules/loud/index.d.ts": "export class Voice { }\ndeclare global { var loudly: number }",
    });
    assert.deepEqual(await session.errors("loudly + 1"), [2304]);
    assert.deepEqual(await session.errors('import { Voice } from "loud"; const voice = new Voice(); loudly + 1'), []);
    assert.deepEqual(await session.errors("const one = 1;"), []);
    assert.deepEqual(await session.errors("one + loudly"), [2304]);
    assert.deepEqual(await session.errors("voice; loudly + one"), []);
    assert.deepEqual(await session.errors("one; loudly + 1"), [2304]);
  });

  it("see a changed local file behind what an earlier cell declared", async () => {
    const session = open();
    session.write({ "shape.ts": "export class Shape { sides = 4 }" });
    await session.errors('import { Shape } from "./shape"; const shape = new Shape();');
    assert.deepEqual(await session.errors("shape.sides + 1"), []);
    assert.deepEqual(await session.errors("shape.corners"), [2339]);
    session.write({ "shape.ts": "export class Shape { corners = 4 }" });
    assert.deepEqual(await session.errors("shape.corners + 1"), []);
    assert.deepEqual(await session.errors("shape.sides"), [2339]);
  });

  it("go on in another program when one has taken in much, and see all that was declared", async () => {
    const session = open();
    const long = `/* ${"long ".repeat(2_000)} */`;
    await session.errors("interface Point { x: number }\nlet last: Point = { x: 0 };");
    for (let i = 1; i < 12; i++) {
      const use = i === 1 ? "last.x" : `point${i - 1}.x + last.x`;
      assert.deepEqual(await session.errors(`const point${i}: Point = { x: ${use} }; ${long}`), []);
      session.compiler.tidy();
    }
    assert.deepEqual(await session.errors('last = { x: "" };'), [2322]);
    assert.deepEqual(await session.errors("point1.x + point11.x"), []);
  });
});
