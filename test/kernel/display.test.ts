/** Rich values: how results and `display` show what a cell has made. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { progressBundle } from "../../kernel/display/progress";
import { tableHtml } from "../../kernel/display/table";
import { textOf } from "../../kernel/display/text";
import { type Content, TestKernel } from "./client";

/** The smallest PNG. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("A rich value", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  /** What the first output that shows a value shows: its data and metadata. */
  async function shown(code: string): Promise<{ data: Content; metadata: Content; stderr: string }> {
    const { messages, reply, stderr } = await kernel.execute(code);
    assert.equal(reply.status, "ok", reply.traceback?.join("\n"));
    const found = messages.find((m) => /^(execute_result|display_data)$/.test(m.header.msg_type));
    assert.ok(found, code);
    return { data: found.content.data, metadata: found.content.metadata, stderr };
  }

  it("of the language is shown as Node prints it: Map, Set, class, typed array, error", async () => {
    const values: [string, unknown][] = [
      ["new Map<unknown, unknown>([[1, { a: new Set([2]) }]])", new Map([[1, { a: new Set([2]) }]])],
      ["new Set(['x'])", new Set(["x"])],
      ["new Float64Array([1.5, NaN])", new Float64Array([1.5, Number.NaN])],
      ["class Point { x = 1 }; Point", class Point {}],
      ["new Uint8Array(500)", new Uint8Array(500)],
    ];
    for (const [code, value] of values) {
      assert.deepEqual((await shown(code)).data, { "text/plain": inspect(value) });
    }
    assert.equal((await shown("class Named { y = 2 }; new Named()")).data["text/plain"], "Named { y: 2 }");
    assert.match((await shown("new RangeError('too far')")).data["text/plain"], /^RangeError: too far/);
  });

  it("that is an error has the cell's own places alone, also where late code has made it", async () => {
    const late: [code: string, frames: RegExp][] = [
      [
        "await new Promise((r) => setTimeout(() => r(new Error('late')), 5))",
        /^Timeout\.<anonymous> \(cell \[\d+\]:1:45\)$/,
      ],
      [
        "await Promise.resolve().then(() => { throw new Error('late'); }).catch((e) => e)",
        /^cell \[\d+\]:1:44\|async cell \[\d+\]:1:1$/,
      ],
      [
        "await new Promise((r) => new (require('events'))().once('a', () => r(new Error('late'))).emit('a'))",
        /^EventEmitter\.<anonymous> \(cell \[\d+\]:1:70\)\|cell \[\d+\]:1:90\|cell \[\d+\]:1:7$/,
      ],
    ];
    for (const [code, frames] of late) {
      const [message, ...stack] = (await shown(code)).data["text/plain"].split(/\n {4}at /);
      assert.equal(message, "Error: late");
      assert.match(stack.join("|"), frames, code);
    }
  });

  it("that is nested is shown as deep as it is readable", async () => {
    const { data } = await shown("({ a: { b: { c: { d: { e: 1 } } } } })");
    assert.equal(data["text/plain"], "{ a: { b: { c: { d: { e: 1 } } } } }");
    const wide = Array.from({ length: 90 }, (_, i) => ({
      i,
      deep: { deeper: { deepest: { value: "x".repeat(40) } } },
    }));
    assert.equal(textOf(wide), inspect(wide), "too much for one screen: two levels, as Node has it");
    const round: Record<string, unknown> = { a: { b: { c: {} } } };
    ((round.a as Content).b as Content).c.round = round;
    assert.match(textOf(round), /\[Circular \*1\]/);
    assert.match(
      textOf(
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error("no");
            },
          },
        ),
      ),
      /.+/,
    );
  });

  it("that is long is cut with a note, and display.full shows the rest", async () => {
    const code =
      "const long = Array.from({ length: 90 }, (_, i) => ({ i, text: Array.from({ length: 30 }, () => 'some words to fill a line')})); ";
    const { data } = await shown(`${code} long`);
    const lines = data["text/plain"].split("\n");
    assert.ok(lines.length <= 201);
    assert.match(lines.at(-1), /^… [\d,]+ lines, [\d,]+ characters more; display\.full\(value\) shows all$/);
    const full = (await shown("display.full(long);")).data["text/plain"];
    assert.ok(full.includes("i: 89") && !full.includes("…"));
    assert.equal(
      (await shown("display.full(Array.from({ length: 300 }, (_, i) => i));")).data["text/plain"].match(/\d+/g)?.length,
      300,
    );
  });

  it("that is a list of records is a table, which escapes, sorts by its columns and needs no network and no id", async () => {
    const { data } = await shown('[{ name: "<b>", size: 10, at: new Date(0) }, { name: "a&b", size: 9.5, at: null }]');
    const html = data["text/html"];
    assert.match(html, /&lt;b&gt;/);
    assert.match(html, /a&amp;b/);
    assert.match(html, /1970-01-01T00:00:00.000Z/);
    assert.equal(html.match(/<th /g)?.length, 3);
    assert.equal(html.match(/onclick=/g)?.length, 3);
    assert.doesNotMatch(html, /https?:|\sid=|<script|<style/);
    assert.equal(
      data["text/plain"],
      inspect([
        { name: "<b>", size: 10, at: new Date(0) },
        { name: "a&b", size: 9.5, at: null },
      ]),
    );
    for (const other of ["[{ a: 1 }, { b: 2 }]", "[{ a: 1 }]", "[{ a: { b: 1 } }, { a: { b: 2 } }]", "[[1], [2]]"]) {
      assert.deepEqual(Object.keys((await shown(other)).data), ["text/plain"], other);
    }
  });

  it("is a table by display.table, of any rows and with the columns that are named", async () => {
    const asked = await shown(
      'display.table(new Set([{ a: 1, b: "x" }, { b: "y", c: [3] }]), { columns: ["c", "b"] });',
    );
    assert.deepEqual(
      [...asked.data["text/html"].matchAll(/<th [^>]*>([^<]*)</g)].map((m) => m[1]),
      ["c", "b"],
    );
    assert.match(asked.data["text/html"], /\[ 3 \]/);
    const map = await shown('display.table(new Map([["pi", Math.PI], ["e", Math.E]]));');
    assert.match(map.data["text/html"], />key<[\s\S]*>value<[\s\S]*>pi<[\s\S]*>3\.14/);
    const html = tableHtml(Array.from({ length: 1_000 }, (_, i) => ({ i })));
    assert.equal(html.match(/<tr /g)?.length, 201);
    assert.match(html, /… 800 more rows of 1,000; <code>display\.table\(rows, \{ rows: 1000 \}\)<\/code> shows all/);
    const rest = await shown(
      "const many = Array.from({ length: 300 }, (_, i) => ({ i })); display.table(many, { rows: 1e6 });",
    );
    assert.equal(rest.data["text/html"].match(/<tr /g)?.length, 301);
    assert.doesNotMatch(rest.data["text/html"], /more rows/);
    assert.match(
      (await kernel.execute("display.table([], { rows: 0 })")).reply.evalue,
      /Expected number >= 1 for rows/,
    );
    assert.match((await kernel.execute("display.table(5 as any)")).reply.evalue, /Expected rows.* but received 5/);
  });

  it("shows itself by Symbol.for('Jupyter.display'), by toHTML, as a figure of plotly, or as data by MIME type", async () => {
    const own = await shown('({ [Symbol.for("Jupyter.display")]: () => ({ "text/markdown": "*x*" }) })');
    assert.equal(own.data["text/markdown"], "*x*");
    const made = await shown('({ async toHTML() { return "<p>1</p>"; } })');
    assert.equal(made.data["text/html"], "<p>1</p>");
    assert.ok(made.data["text/plain"]);
    const figure = await shown('({ data: [{ type: "bar", y: new Float32Array([1, 2]) }], layout: { title: "T" } })');
    assert.deepEqual(figure.data["application/vnd.plotly.v1+json"], {
      data: [{ type: "bar", y: [1, 2] }],
      layout: { title: "T" },
    });
    assert.equal(figure.data["text/plain"], 'Plotly figure "T": bar');
    const bundle = await shown('({ "text/html": "<u>1</u>", "text/plain": "1" })');
    assert.deepEqual(bundle.data, { "text/html": "<u>1</u>", "text/plain": "1" });
    for (const data of ['({ "text/html": 5 })', '({ "a/b": "x" })', "({})", "({ data: 1, layout: 2 })"]) {
      assert.deepEqual(Object.keys((await shown(data)).data), ["text/plain"], data);
    }
    const broken = await shown('({ toHTML() { throw new Error("no HTML today"); } })');
    assert.match(broken.stderr, /no HTML today/);
    assert.match(broken.data["text/plain"], /toHTML/);
  });

  it("is shown by kind: Markdown, LaTeX, HTML, SVG, JSON", async () => {
    assert.equal((await shown('display.markdown("# x");')).data["text/markdown"], "# x");
    assert.equal((await shown('display.latex("$x^2$");')).data["text/latex"], "$x^2$");
    assert.equal((await shown('display.html("<b>x</b>");')).data["text/html"], "<b>x</b>");
    assert.equal((await shown('display.svg("<svg></svg>");')).data["image/svg+xml"], "<svg></svg>");
    const json = await shown("display.json({ map: new Map([['k', new Set([1])]]), big: 2n });");
    assert.deepEqual(json.data["application/json"], { map: { k: [1] }, big: "2" });
    const { messages } = await kernel.execute('const note = display.markdown("1"); await note.update("2");');
    const updated = messages.find((m) => m.header.msg_type === "update_display_data");
    assert.equal(updated?.content.data["text/markdown"], "2", "an update keeps the kind");
  });

  it("is a picture by its bytes or the path of a file", async () => {
    writeFileSync(join(kernel.folder, "dot.png"), Buffer.from(PNG, "base64"));
    const file = await shown('display.image("dot.png", { width: 20, alt: "a dot" });');
    assert.deepEqual(file.data, { "image/png": PNG, "text/plain": "a dot" });
    assert.deepEqual(file.metadata, { "image/png": { width: 20, alt: "a dot" } });
    assert.equal(
      (await shown('import { readFileSync } from "fs"; display.image(readFileSync("dot.png"));')).data["image/png"],
      PNG,
    );
    const svg = await shown("display.image(Buffer.from(\"<?xml version='1.0'?><svg/>\"));");
    assert.match(svg.data["image/svg+xml"], /<svg/);
    assert.match((await kernel.execute('display.image(Buffer.from("text"))')).reply.evalue, /Expected a PNG, JPEG/);
    assert.match((await kernel.execute('display.image("none.png")')).reply.evalue, /no such file.*none\.png/);
    assert.match(
      (await kernel.execute('display.image("https://x.org/a.png")')).reply.evalue,
      /Expected a path or bytes/,
    );
  });

  it("by html and md has what is interpolated as text", async () => {
    const html = await shown(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell's text.
      'const rows = ["<x>", "&"].map((each) => html`<li title="${each}">${each}</li>`); html`<ul>${rows}${null}</ul>`',
    );
    assert.equal(html.data["text/html"], '<ul><li title="&lt;x&gt;">&lt;x&gt;</li><li title="&amp;">&amp;</li></ul>');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell's text.
    const md = await shown('md`**${"*not bold* <b>"}** ${md`_yes_`} ${html`<i>y</i>`}`');
    assert.equal(md.data["text/markdown"], "**\\*not bold\\* &lt;b&gt;** _yes_ <i>y</i>");
  });

  it("by progress is a bar that moves in place and ends with what was done", async () => {
    const { messages, result } = await kernel.execute(
      'const seen: number[] = []; for (const n of progress([1, 2, 3], { label: "Work", unit: "files" })) { seen.push(n); await new Promise((r) => setTimeout(r, 120)); } seen',
    );
    assert.equal(result, "[ 1, 2, 3 ]");
    const bars = messages.filter((m) => /display_data/.test(m.header.msg_type));
    assert.equal(bars[0]?.header.msg_type, "display_data");
    assert.ok(bars.length >= 3 && bars.slice(1).every((m) => m.header.msg_type === "update_display_data"));
    assert.equal(new Set(bars.map((m) => m.content.transient.display_id)).size, 1);
    assert.match(bars[0]?.content.data["text/plain"], /^Work: 0% \| {30}\| 0\/3 files/);
    assert.match(bars.at(-1)?.content.data["text/plain"], /^Work: 3 files, in 0\.\d s/);
    const stopped = await kernel.execute("for (const n of progress(10)) if (n === 4) break;");
    assert.match(
      stopped.messages.filter((m) => /display_data/.test(m.header.msg_type)).at(-1)?.content.data["text/plain"],
      /^4\/10, stopped/,
    );
    const awaited = await kernel.execute(
      "async function* two() { yield 1; yield 2; } let sum = 0; for await (const n of progress(two())) sum += n; sum",
    );
    assert.equal(awaited.result, "3");
    assert.match((await kernel.execute("progress({} as any)")).reply.evalue, /Expected something to iterate over/);
    const early = progressBundle({ label: "<x>", unit: "", total: 8, done: 2, seconds: 60 });
    assert.match(String(early["text/html"]), /&lt;x&gt;[\s\S]*width:25\.0%/);
    assert.match(String(early["text/plain"]), /25% .*2\/8, 01:00, 30 s\/it, 03:00 left/);
  });

  it("costs a loop little: a bar of a million rounds takes less than a second more", async () => {
    const { result } = await kernel.execute(
      "const begun = performance.now(); (() => { for (const _ of progress(1_000_000)) {} })(); performance.now() - begun < 1_000",
    );
    assert.equal(result, "true");
  });
});
