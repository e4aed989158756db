/** Every magic through a real kernel. */
import assert from "node:assert/strict";
import { TestKernel } from "../client";

const line = /^(.+) ± (.+) per loop \(mean ± std\. dev\. of (\d+) runs?, ([\d,]+) loops? each\)$/m;

describe("Magics in a kernel", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  const run = (code: string) => kernel.execute(code);

  it("%%timeit times a cell that awaits, with the loops and runs that were asked for", async () => {
    const { stdout } = await run("%%timeit -n 2 -r3\nawait new Promise((done) => setTimeout(done, 10))");
    const [, mean, , runs, loops] = line.exec(stdout) ?? [];
    assert.match(mean ?? "", /^\d+(\.\d+)? ms$/);
    assert.ok(Number.parseFloat(mean as string) >= 9);
    assert.deepEqual([runs, loops], ["3", "2"]);
  });

  it("%%timeit says after a first run of more than a second how long the others will take, unless it is quiet", async () => {
    const body = "\nawait new Promise((done) => setTimeout(done, 1010))";
    const { stdout } = await run(`%%timeit -n 1 -r 2${body}`);
    const [first, line, end] = stdout.split("\n");
    const [, took, left] =
      /^The first run took ([\d.]+) s; 1 more will take about ([\d.]+) s\.$/.exec(first ?? "") ?? [];
    assert.ok(Number(took) >= 1.01, first);
    assert.ok(Math.abs(Number(left) - Number(took)) <= 0.01, first);
    assert.match(line ?? "", / per loop \(mean ± std\. dev\. of 2 runs, 1 loop each\)$/);
    assert.equal(end, "");
    assert.equal((await run(`%%timeit -n 1 -r 2 -q${body}`)).stdout, "");
  });

  it("%timeit times a line that uses names of the same cell and of earlier ones", async () => {
    await run("const earlier = (x: number) => x * 2;");
    const { stdout, reply } = await run("const here = 21;\n%timeit -n 1000 -r 2 earlier(here)");
    assert.equal(reply.status, "ok");
    assert.match(stdout, line);
  });

  it("%%timeit runs its set-up line once, untimed, and gives its result with -o and -v", async () => {
    const { stdout, result } = await run(
      "%%timeit -n 3 -r 2 -o -q const list: number[] = [] // fills up\nlist.push(1)",
    );
    assert.equal(stdout, "");
    assert.match(result ?? "", /^<TimeitResult : .+ per loop/);
    const best = "[kept.best === Math.min(...kept.timings), kept.worst === Math.max(...kept.timings), kept.best > 0]";
    await run("%%timeit -n 5 -r 4 -q -v kept\nfor (let i = 0; i < 1e4; i++);");
    assert.equal((await run(best)).result, "[ true, true, true ]");
    await run("%%timeit -n 5 -r 2 -q -v kept\n1 + 1");
    assert.equal(
      (await run("[kept.loops, kept.repeat, kept.all_runs.length, kept.timings.length]")).result,
      "[ 5, 2, 2, 2 ]",
    );
  });

  it("points an error in a timed body at its own line of the cell", async () => {
    const { reply } = await run("%%timeit -n 1 -r 1\nconst a = 1;\nnull!.toString();");
    assert.equal(reply.status, "error");
    assert.match((reply.traceback as string[]).join("\n"), /(line 3|:3:)/);
  });

  it("names the nearest option and the nearest magic", async () => {
    assert.match(
      (await run("%timeit -z 1 + 1")).reply.evalue,
      /%timeit has no option -z; it knows -n -r -t -c -p -q -o -v/,
    );
    assert.match((await run("%%tiemit\n1")).reply.evalue, /There is no magic %%tiemit; did you mean %%timeit\?/);
    assert.match((await run("%%lsmagic\n1")).reply.evalue, /%%lsmagic is no cell magic; use %lsmagic/);
  });

  it("%%time prints both times and gives the value of the last expression", async () => {
    const { stdout, result } = await run("%%time\nawait new Promise((done) => setTimeout(done, 20));\n6 * 7");
    assert.match(stdout, /^CPU times: user .+, sys: .+, total: .+\nWall time: \d+(\.\d+)? ms\n$/);
    assert.equal(result, "42");
  });

  it("%%capture keeps what a cell prints, and shows it where it is asked for", async () => {
    const quiet = await run('%%capture kept_output\nconsole.log("out"); console.error("err"); display(1n)');
    assert.deepEqual([quiet.stdout, quiet.stderr, quiet.result], ["", "", undefined]);
    assert.equal((await run("[kept_output.stdout, kept_output.stderr]")).result, "[ 'out\\n', 'err\\n' ]");
    const shown = await run("kept_output.show()");
    assert.deepEqual([shown.stdout, shown.stderr], ["out\n", "err\n"]);
    assert.equal(shown.messages.filter((m) => m.header.msg_type === "display_data").length, 1);
  });

  it("lets an error through %%capture", async () => {
    assert.match((await run('%%capture\nthrow new Error("seen")')).reply.evalue, /seen/);
  });

  it("! runs a command between lines of code, in their order, with {expressions} filled in", async () => {
    const { stdout } = await run(
      'console.log("before");\n!echo "{[1, 2].length} of $((1 + 1))"\nconsole.log("after");',
    );
    assert.equal(stdout, "before\n2 of 2\nafter\n");
  });

  it("keeps how a command ended in _exit_code, a number for the lines below it and for the next cell", async () => {
    assert.equal((await run("!sh -c 'exit 7'\n_exit_code + 1")).result, "8");
    assert.equal((await run("_exit_code + 1")).result, "8");
    assert.equal((await run("const files = !printf a\n_exit_code")).result, "0");
    assert.equal((await run("%%sh --no-raise-error\nexit 3")).reply.status, "ok");
    assert.equal((await run("const next = String(_exit_code);\n!echo {next} {_exit_code}")).stdout, "3 3\n");
  });

  it("gives the lines of a command to a variable", async () => {
    assert.equal((await run('const printed = !printf "a\\nb c\\n"\nprinted')).result, "[ 'a', 'b c' ]");
  });

  it("leaves JavaScript's own ! and % alone", async () => {
    assert.equal((await run("let ready = false;\n!ready")).result, "true");
    assert.equal((await run("const seven = 7\n% 4\nseven")).result, "3");
    assert.equal((await run("const text = `\n%timeit no\n!no\n`;\ntext.length")).result, "16");
  });

  it("%%sh runs a script, and a script that fails fails the cell", async () => {
    assert.equal((await run("%%sh\nfor i in 1 2; do\n  echo $i\ndone")).stdout, "1\n2\n");
    assert.match((await run("%%sh\nexit 3")).reply.evalue, /exit code 3/);
  });

  it("does not wait for what a command leaves in the background", async () => {
    const start = Date.now();
    assert.equal((await run("!sleep 20 & echo started")).stdout, "started\n");
    assert.ok(Date.now() - start < 10_000);
  });

  it("%lsmagic lists every magic with a sentence", async () => {
    const { stdout } = await run("%lsmagic");
    for (const name of ["%timeit  %%timeit", "%time  %%time", "%%capture", "%%sh", "%%bash", "%lsmagic", "!command"])
      assert.ok(stdout.includes(name), name);
    const rows = stdout.split("\n");
    assert.ok(Math.max(...rows.map((row) => row.length)) <= 100, "no line is so long that JupyterLab breaks it");
    const long = rows.findIndex((row) => row.startsWith("%typecheck"));
    assert.match(`${rows[long]}\n${rows[long + 1]}`, /^(%typecheck +)Says .*\w,?\n +\w/);
    assert.equal(rows[long]?.indexOf("Says"), rows[long + 1]?.search(/\S/), "what follows stands below its text");
    for (const name of ["timeit", "gpu", "npm", "bench"])
      assert.ok(Math.max(...(await run(`%${name}?`)).stdout.split("\n").map((row) => row.length)) <= 100, name);
  });

  for (const code of [
    "!echo in; sleep 60",
    "!echo in; sleep 60 & wait",
    '%%timeit\nconsole.log("in"); await new Promise((done) => setTimeout(done, 50))',
    "%%sh\necho in\nsleep 60",
  ])
    it(`is interrupted within a second: ${JSON.stringify(code)}`, async () => {
      const id = await kernel.submit(code);
      await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
      const start = Date.now();
      await kernel.send("control", "interrupt_request", {});
      assert.equal((await kernel.reply(id, 10_000)).status, "error");
      await kernel.idle(id);
      assert.ok(Date.now() - start < 10_000);
      assert.equal((await run("1 + 1")).result, "2");
    });
});
