/** What a reader sees of magics while typing, and of magics that cells add. */
import assert from "node:assert/strict";
import { TestKernel } from "../client";

describe("A magic", function () {
  this.timeout(60_000);
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  const run = (code: string) => kernel.execute(code);
  /** Matches at the bar, with the text that they replace. */
  async function complete(
    marked: string,
  ): Promise<{ matches: string[]; replaced: string; about: Record<string, string>; beside: string[] }> {
    const at = marked.indexOf("│");
    const code = marked.replace("│", "");
    const reply = await kernel.request("shell", "complete_request", { code, cursor_pos: at });
    const types = reply.metadata._jupyter_types_experimental as { text: string; type: string; signature?: string }[];
    const about = Object.fromEntries(types.map(({ text, signature = "" }) => [text, signature]));
    return {
      matches: reply.matches,
      replaced: code.slice(reply.cursor_start, reply.cursor_end),
      about,
      beside: types.map(({ type }) => type),
    };
  }
  async function inspect(marked: string): Promise<string | undefined> {
    const at = marked.indexOf("│");
    const code = marked.replace("│", "");
    const reply = await kernel.request("shell", "inspect_request", { code, cursor_pos: at, detail_level: 0 });
    return reply.data["text/plain"];
  }

  for (const code of ["%timeit?", "?%timeit", "%timeit??"])
    it(`shows how it is used, its options and an example: ${code}`, async () => {
      const { stdout } = await run(code);
      assert.match(stdout, /^%timeit \[options\] STATEMENT\n%%timeit/);
      assert.match(stdout, /\n {2}-n LOOPS +loops a run/);
      assert.match(stdout, /\nExample:\n {2}%timeit /);
    });

  it("shows help as a cell of its own, and says what is meant by a misspelt one", async () => {
    assert.match((await run("%%bench?")).stdout, /^%%bench \[options\] SET-UP/);
    assert.match((await run("%%bensh?")).reply.evalue, /There is no magic %%bensh; did you mean %%bench\?/);
  });

  it("of IPython that is missing says what to use, and nothing of its cell runs", async () => {
    const { reply, stdout } = await run("console.log(1);\n%matplotlib inline");
    assert.match(reply.evalue, /%matplotlib is a magic of IPython that this kernel has not: a plot shows itself/);
    assert.equal(stdout, "");
    assert.match((await run("%pip install x")).reply.evalue, /%npm install NAME/);
    assert.match((await run("%%perl\n1")).reply.evalue, /use %%script perl/);
  });

  it("that stands too low in its cell says so", async () => {
    assert.match((await run("let low = 1;\n%%time\n2")).reply.evalue, /%%time stands in line 2; .* first line/);
  });

  it("completes by its name", async () => {
    assert.deepEqual((await complete("%ti│")).matches, ["%timeit", "%time"]);
    assert.deepEqual((await complete("%%wr│\nbody")).matches, ["%%writefile"]);
    assert.deepEqual((await complete("const a = 1;\n  %ls│")).matches, ["%lsmagic"]);
    assert.deepEqual((await complete("%writ│")).matches, ["%%writefile"]);
    assert.deepEqual((await complete("const text = `\n%ti│`")).matches, []);
  });

  it("completes its flags, with what they mean", async () => {
    const { matches, replaced, about, beside } = await complete("%timeit -│");
    assert.equal(beside[1], "runs; default: 7");
    assert.deepEqual(matches, ["-n", "-r", "-t", "-c", "-p", "-q", "-o", "-v"]);
    assert.equal(replaced, "-");
    assert.match(about["-r"] as string, /^-r RUNS: runs; default: 7$/);
    assert.deepEqual((await complete("%%capture out --no-std│")).matches, ["--no-stderr", "--no-stdout"]);
    assert.equal(await inspect("%timeit -r│ 5 f()"), "-r RUNS\n\nruns; default: 7");
  });

  it("completes its argument, and TypeScript where its line or body is that", async () => {
    assert.deepEqual((await complete("%typecheck w│")).matches, ["warn"]);
    assert.deepEqual((await complete("%env HOM│")).matches, ["HOME"]);
    for (const code of [
      "%timeit Math.hyp│",
      "%timeit -n 10 -q Math.hyp│",
      "%%timeit -n 1\nMath.hyp│",
      "%%time\n!ls\nMath.hyp│",
    ])
      assert.deepEqual((await complete(code)).matches, ["hypot"], code);
    assert.match((await inspect("%timeit -n 10 Math.hy│pot(1)")) as string, /^\(method\) Math\.hypot/);
    for (const code of ["%%sh\nMath.hyp│", "%%html\n<b>Math.hyp│"])
      assert.deepEqual((await complete(code)).matches, [], code);
  });

  it("and a command complete the names of files", async () => {
    await run("%%writefile some_file.txt\n1");
    for (const code of ["!cat some_f│", "const text = !cat some_f│", "%load some_f│", "!ls | cat some_f│"])
      assert.deepEqual((await complete(code)).matches, ["some_file.txt"], code);
    assert.deepEqual((await complete("!ls /us│")).matches, ["/usr/"]);
  });

  it("keeps the types of lines around it", async () => {
    assert.ok((await complete("const files = !ls\nfiles.toSort│")).matches.includes("toSorted"));
    assert.equal((await inspect("%time 1\nconst be│fore = 2;"))?.includes("const before: 2"), true);
  });

  it("is complete or goes on as in IPython", async () => {
    const status = async (code: string): Promise<string> =>
      (await kernel.request("shell", "is_complete_request", { code })).status;
    for (const [code, expected] of [
      ["!ls", "complete"],
      ["!ls \\", "incomplete"],
      ["%time f(", "complete"],
      ["%%time\n1", "incomplete"],
      ["%%time\n1\n", "complete"],
      ["%%time?", "complete"],
      ["if (true) {\n!ls", "incomplete"],
    ] as const)
      assert.equal(await status(code), expected, code);
  });

  it("that a cell adds runs in the same cell and later, has a help, completes, and is listed", async () => {
    const { stdout, reply } = await run(
      `import { registerMagic } from "phi3lab";
registerMagic({
  name: "shout",
  kinds: ["line", "cell"],
  summary: "Prints in capitals.",
  options: [{ flag: "--twice", summary: "two times" }],
  async run(context, { rest, options, body }) {
    for (let i = 0; i < (options.has("--twice") ? 2 : 1); i++) context.write("stdout", (rest + (body ?? "")).toUpperCase() + "\\n");
    return rest.length;
  },
});
%shout hello`,
    );
    assert.equal(reply.status, "ok", reply.evalue);
    assert.equal(stdout, "HELLO\n");
    assert.equal((await run("%shout --twice a{1 + 1}")).stdout, "A2\nA2\n");
    assert.equal((await run("const length = %shout four\nlength")).result, "4");
    assert.equal((await run("%%shout a\nb\nc")).stdout, "AB\nC\n");
    assert.match((await run("%shout?")).stdout, /Prints in capitals\.\n\n {2}--twice {2}two times/);
    assert.match((await run("%lsmagic")).stdout, /%shout {2}%%shout +Prints in capitals\./);
    assert.deepEqual((await complete("%sho│")).matches, ["%shout"]);
    assert.deepEqual((await complete("%shout --tw│")).matches, ["--twice"]);
    assert.match((await run("%shuot x")).reply.evalue, /did you mean %shout\?/);
  });

  it("that a cell adds offers the values of now, also where its own code fails", async () => {
    await kernel.execute(`const tables = ["first"]; registerMagic({
      name: "table", kinds: ["line"], summary: "Opens a table.", async run() {},
      values: () => { if (tables.length > 2) throw new Error("too many"); return tables; } });`);
    assert.deepEqual((await complete("%table │")).matches, ["first"]);
    await kernel.execute('tables.push("second")');
    assert.deepEqual((await complete("%table │")).matches, ["first", "second"]);
    await kernel.execute('tables.push("third")');
    assert.deepEqual((await complete("%table │")).matches, []);
  });

  it("that a cell adds may run the session's code, and take its own place again", async () => {
    await run(
      `registerMagic({ name: "twice", kinds: ["cell"], summary: "Runs a cell twice.", typescript: ["body"],
  async run(context, { body = "" }) { await context.evaluate(body); return context.evaluate(body); } });`,
    );
    await run("let rounds = 0;");
    assert.equal((await run("%%twice\nrounds += 1;\nrounds")).result, "2");
    const { reply } = await run("%%twice\nlet wrong: string = rounds;");
    assert.match((reply.traceback as string[]).join("\n"), /:2:5 .*TS2322/);
    await run('registerMagic({ name: "twice", kinds: ["cell"], summary: "x", run: async () => "new" });');
    assert.equal((await run("%%twice\n1")).result, "'new'");
  });

  it("that a cell adds in a wrong way is refused with a sentence", async () => {
    assert.match(
      (await run('registerMagic({ name: "a b", kinds: ["line"], summary: "", run: async () => 1 })')).reply.evalue,
      /Expected a name for name of registerMagic but received 'a b'/,
    );
    assert.match(
      (await run('registerMagic({ name: "hist", kinds: ["line"], summary: "", run: async () => 1 })')).reply.evalue,
      /Expected a free name .* received hist/,
    );
    assert.match(
      (await run('registerMagic({ name: "x", kinds: [], summary: "", run: async () => 1 })')).reply.evalue,
      /Expected a list of "line" and "cell" for kinds/,
    );
  });
});
