/** Which lines of a cell are magics, and which are JavaScript. */
import assert from "node:assert/strict";
import { parseCell } from "../../../kernel/magics/parse";

const names = new Set(["timeit", "time", "lsmagic"]);

/** The magics of a cell: row, kind, name, text. */
function magics(source: string): unknown[] {
  const parsed = parseCell(source, names);
  return parsed.kind === "cell"
    ? [parsed.name, parsed.line, parsed.body]
    : parsed.lines.map(({ row, kind, name, text, assign }) => [row, kind, name || assign.trim(), text]);
}

describe("a cell", () => {
  const cases: [string, string, unknown[]][] = [
    ["with a magic line", "const a = 1;\n%timeit a + 1", [[1, "magic", "timeit", "a + 1"]]],
    ["with a magic line that is indented", "  %time 1", [[0, "magic", "time", "1"]]],
    ["of a command", "!ls -la", [[0, "shell", "", "ls -la"]]],
    ["of a path", "!./run.sh now", [[0, "shell", "", "./run.sh now"]]],
    ["of one word", "!make", [[0, "shell", "", "make"]]],
    ["that keeps a command's output", "const files = !ls *.ts", [[0, "shell", "const files =", "ls *.ts"]]],
    ["with Windows' line ends", "1;\r\n%time 2\r\n", [[1, "magic", "time", "2"]]],
    ["that negates an operand", "!done;", []],
    ["that negates a call", "!check(1)", []],
    ["that negates a member", "!state.ready && go()", []],
    ["that negates twice", "!!x", []],
    ["that negates a literal", "!true", []],
    ["that compares", "a\n!== b", []],
    ["that takes a remainder", "total\n% 4", []],
    ["that takes a remainder of a name", "total\n%parts", []],
    ["with a magic in a template", "const t = `\n%time 1\n!ls\n`;", []],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell's text, not a template.
    ["with a magic in a template's hole", "`${\n%time\n}`", []],
    ["with a magic in a comment", "/*\n%time 1\n*/ 1 // !ls", []],
    ["with a magic in brackets", "f(\n%time\n)", []],
    ["with a magic behind a string of brackets", 'const s = "([{`";\n%time 1', [[1, "magic", "time", "1"]]],
    ["with a magic behind a regular expression of brackets", "const r = /[(`]/;\n%time 1", [[1, "magic", "time", "1"]]],
    ["with a division", "const q = a / b; const s = c / d;\n%time 1", [[1, "magic", "time", "1"]]],
    ["with a magic in a function's body", "function f() {\n%time 1\n}", []],
    ["of a cell magic", "%%timeit -n 1 setup()\nbody()", ["timeit", "-n 1 setup()", "\nbody()"]],
    ["of a cell magic below blank lines", "\n\n%%time\nbody", ["time", "", "\n\n\nbody"]],
    ["of a cell magic alone", "%%capture out", ["capture", "out", ""]],
  ];
  for (const [name, source, expected] of cases)
    it(`${name} is read as it is meant`, () => assert.deepEqual(magics(source), expected));
});
