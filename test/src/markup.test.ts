/** Text in markup is read back as the text that it is. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { escapeMarkup, escapePlotly, scriptJson } from "../../src/markup";

const hostile = `<b title="x" lang='y'>a & b</b> &lt; &#65; </script><!-- 漢 👍 ]]>`;

describe("text in markup", () => {
  it("is the same to readers of HTML and of XML, between tags and in a quoted attribute", () => {
    const code =
      "import sys, json, html.parser as h, xml.etree.ElementTree as e\n" +
      "source = sys.stdin.read()\nseen = []\n" +
      "class P(h.HTMLParser):\n" +
      "  def handle_starttag(self, tag, attrs): seen.append(dict(attrs)['title'])\n" +
      "  def handle_data(self, data): seen.append(data)\n" +
      "P().feed(source)\nx = e.fromstring(source)\nprint(json.dumps([seen, [x.get('title'), x.text]]))";
    const text = escapeMarkup(hostile);
    const { stdout, stderr } = spawnSync("python3", ["-c", code], {
      input: `<p title="${text}">${text}</p>`,
      encoding: "utf8",
    });
    assert.deepEqual(stdout && JSON.parse(stdout), [Array(2).fill(hostile), Array(2).fill(hostile)], stderr);
  });

  it("has U+FFFD for what XML forbids: control characters and halves of surrogate pairs", () => {
    assert.equal(escapeMarkup("a\u0000\u0008\u001f\ufffe\ud83d\udc4d\udc4d\ud83d\t\n\r"), "a����👍��\t\n\r");
  });

  it("is no tag and no entity in plotly's labels, which know no &quot;, and a line end breaks the line", () => {
    assert.equal(escapePlotly(`<b>"x" & 'y'</b>\n&lt;`), `&lt;b&gt;"x" &amp; 'y'&lt;/b&gt;<br>&amp;lt;`);
  });

  it("in a script is JSON that ends no script and is what it was", () => {
    const json = scriptJson({ hostile, lines: "\u2028\u2029" });
    assert.doesNotMatch(json, /[<\u2028\u2029]/);
    assert.deepEqual(JSON.parse(json), { hostile, lines: "\u2028\u2029" });
  });
});
