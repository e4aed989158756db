/** Magics that run, write, show and list, through a real kernel. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Execution, TestKernel } from "../client";

describe("In a kernel", function () {
  this.timeout(60_000);
  let kernel: TestKernel;
  /** A project, with the notebook's folder in it and a package beside it. */
  const project = realpathSync(mkdtempSync(join(tmpdir(), "phi3lab-magics-")));
  const folder = join(project, "notebook");

  before(async () => {
    mkdirSync(folder);
    writeFileSync(join(project, "package.json"), '{ "name": "project", "private": true }');
    mkdirSync(join(project, "padder"));
    writeFileSync(
      join(project, "padder", "package.json"),
      '{ "name": "padder", "version": "1.2.3", "main": "index.js" }',
    );
    writeFileSync(join(project, "padder", "index.js"), "exports.pad = (text) => text.padStart(5);");
    writeFileSync(join(project, "padder", "index.d.ts"), "export declare function pad(text: string): string;");
    const env = { npm_config_audit: "false", npm_config_fund: "false", NO_COLOR: undefined, FORCE_COLOR: undefined };
    kernel = await TestKernel.start({ cwd: folder, env });
  });
  after(async () => {
    await kernel.stop();
    rmSync(project, { recursive: true });
  });

  const run = (code: string): Promise<Execution> => kernel.execute(code, {}, 60_000);
  const shown = ({ messages }: Execution) =>
    messages.filter((m) => m.header.msg_type === "display_data").map((m) => m.content);

  for (const [name, type] of [
    ["html", "text/html"],
    ["markdown", "text/markdown"],
    ["javascript", "application/javascript"],
    ["js", "application/javascript"],
    ["svg", "image/svg+xml"],
    ["latex", "text/latex"],
  ])
    it(`%%${name} shows the cell as ${type}`, async () => {
      const [content] = shown(await run(`%%${name}\n<b>it's</b>\n\n% {x}`));
      assert.equal(content?.data[type as string], "<b>it's</b>\n\n% {x}");
    });

  it("%%html --isolated says so to the front end", async () => {
    const [content] = shown(await run("%%html --isolated\n<style>b { color: red }</style>"));
    assert.deepEqual(content?.metadata, { "text/html": { isolated: true } });
  });

  it("%%writefile writes what an import then reads", async () => {
    await run("%%writefile helper.ts\nexport const answer: number = 42;");
    assert.equal((await run('import { answer } from "./helper";\nanswer')).result, "42");
  });

  it("%npm install installs in the notebook's folder, says where, and the next import works", async () => {
    const { stdout, reply } = await run("%npm install ../padder");
    assert.equal(reply.status, "ok", stdout);
    assert.ok(stdout.startsWith(`In ${folder} (the project above it: %npm --prefix ${project} install ../padder)\n`));
    assert.match(stdout, /added 1 package/);
    assert.equal((await run('import { pad } from "padder";\npad("ab")')).result, "'   ab'");
    assert.deepEqual(readdirSync(project).sort(), ["notebook", "package.json", "padder"]);
    assert.ok(existsSync(join(folder, "node_modules", "padder")));
  });

  it("%npm installs there after %cd as well, and fails the cell where npm fails", async () => {
    await run("%cd -q ..");
    const { stdout } = await run("%npm ls --depth=0");
    assert.match(stdout, /padder@1\.2\.3/);
    const failed = await run("%npm no-such-command");
    assert.match(failed.reply.evalue, /npm ended with exit code 1/);
    assert.equal((await run("_exit_code")).result, "1");
    await run(`%cd -q ${folder}`);
  });

  it("%who lists what cells declared, with imports, and takes types", async () => {
    await run(
      "const whoNumber = 1; class WhoClass {} const whoMap = new Map([[1, 2]]); const whoOne = new WhoClass();",
    );
    await run('import { join as whoJoin } from "node:path";');
    assert.match((await run("%who function")).stdout, /whoJoin\t/);
    assert.equal((await run("!whoJoin")).result, "false");
    assert.match((await run("%who number")).stdout, /whoNumber\t/);
    assert.equal((await run("%who WhoClass")).stdout, "whoOne\t \n");
    assert.equal((await run("%who class")).stdout, "WhoClass\t \n");
    assert.match((await run("%whos Map")).stdout, /\nwhoMap +Map +n=1\n$/);
  });

  it("%history counts the cells of this session, with their values", async () => {
    const { reply } = await run("20 + 22");
    const count = reply.execution_count as number;
    const { stdout } = await run(`%history -no ${count}`);
    assert.equal(stdout, `${String(count).padStart(4)}: 20 + 22\n42\n`);
    assert.match((await run("%history -g 20*22")).stdout, /: 20 \+ 22\n/);
    assert.match((await run("%history ~1/2")).reply.evalue, /Expected cells of this session but received ~1\/2/);
  });

  it("%load gives the front end a file's text for the cell, and says what is missing", async () => {
    const { reply } = await run("%load helper.ts");
    const text = "// %load helper.ts\nexport const answer: number = 42;";
    assert.deepEqual(reply.payload, [{ source: "set_next_input", text, replace: true }]);
    assert.deepEqual((await run("1")).reply.payload, []);
    assert.match(
      (await run("%load nowhere.ts")).reply.evalue,
      /Expected a file for %load but there is none at nowhere\.ts/,
    );
  });

  it("%cd, %env and %pwd reach commands", async () => {
    mkdirSync(join(folder, "a b"));
    await run('const where = "a b";');
    assert.equal((await run("%cd {where}")).stdout, `${join(folder, "a b")}\n`);
    assert.equal((await run("!pwd")).stdout, `${join(folder, "a b")}\n`);
    await run("%cd -");
    assert.equal((await run("%pwd")).result, `'${folder}'`);
    await run("%env MAGIC_TOKEN=secret stuff");
    assert.equal((await run("!echo $MAGIC_TOKEN")).stdout, "secret stuff\n");
    assert.equal((await run("const all = %env\nall.MAGIC_TOKEN")).result, "'<hidden>'");
    assert.match((await run("%cd nowhere")).reply.evalue, /Expected a folder for %cd but there is none at nowhere/);
    assert.match((await run("%env MAGIC_NOT_THERE")).reply.evalue, /There is no MAGIC_NOT_THERE in the environment/);
  });

  it("%gpu says plainly what there is", async () => {
    const { stdout, reply } = await run("%gpu");
    assert.equal(reply.status, "ok");
    assert.match(stdout, /^(No GPU: \S.+|device +name +memory used)/);
  });

  it("%typecheck takes one of three words", async () => {
    assert.match(
      (await run("%typecheck loud")).reply.evalue,
      /Expected one of error, warn, off for %typecheck but received loud/,
    );
    assert.match((await run("%typecheck")).reply.evalue, /but received nothing/);
  });

  it("a command writes colours, and none where another program or a file takes its output", async () => {
    const say = `node -p "String(process.env.FORCE_COLOR) + process.env.CLICOLOR_FORCE"`;
    assert.equal((await run(`!${say}`)).stdout, "11\n");
    assert.equal((await run(`!${say} 2>&1`)).stdout, "11\n");
    assert.equal((await run(`!${say} | cat`)).stdout, "undefinedundefined\n");
    assert.equal((await run(`const said = !${say}\nsaid`)).result, "[ 'undefinedundefined' ]");
  });

  it("a command's progress in one line reaches the front end as it is", async () => {
    assert.equal((await run("!printf '10%%\\r50%%\\r100%%\\n'")).stdout, "10%\r50%\r100%\n");
  });

  it("an expression in a command may be any of TypeScript's", async () => {
    await run("const sizes = [1, 2, 3];");
    assert.equal(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell's text, not a template.
      (await run('!echo {sizes.map((n) => { return n * 2; }).join("-")} {`${sizes.length}`}')).stdout,
      "2-4-6 3\n",
    );
    assert.equal(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's.
      (await run("!echo '{\"a\": 1}' {a,b} ${HOME:+home} {nothing}")).stdout,
      '{"a": 1} {a,b} home {nothing}\n',
    );
  });

  it("a command in a loop runs in each round", async () => {
    assert.equal((await run("for (const size of sizes) {\n  !echo {size}\n}")).stdout, "1\n2\n3\n");
    assert.equal((await run("if (sizes.length > 5)\n  !echo never\n!echo always")).stdout, "always\n");
  });

  it("an interrupt ends a command and what it started", async () => {
    const id = await kernel.submit("!sh -c 'sleep 61 & echo pid $! .; wait'");
    const found = await kernel.wait(() => {
      const text = kernel
        .of(id)
        .map((m) => m.content.text ?? "")
        .join("");
      return /pid (\d+) \./.exec(text);
    });
    await kernel.send("control", "interrupt_request", {});
    assert.equal((await kernel.reply(id)).ename, "KeyboardInterrupt");
    await kernel.idle(id);
    await assertEnds(Number(found?.[1]));
  });

  it("the kernel's end is the end of a command that runs", async () => {
    const other = await TestKernel.start();
    const id = await other.submit("!echo pid $$ .; sleep 62");
    const found = await other.wait(() =>
      /pid (\d+) \./.exec(
        other
          .of(id)
          .map((m) => m.content.text ?? "")
          .join(""),
      ),
    );
    await other.stop();
    await assertEnds(Number(found?.[1]));
  });
});

/** A process is gone, or nothing more than its parent's to collect. */
async function assertEnds(pid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`Process ${pid} goes on`);
}
