/** Which lines of a cell are magics, and which are TypeScript. */
import assert from "node:assert/strict";
import { blank, parseCell } from "../../../kernel/magics/parse";
import { createRegistry } from "../../../kernel/magics/table";

const registry = createRegistry();
/** Variables of earlier cells. */
const session = new Set(["ready", "state", "total", "x", "y", "list", "time", "parts", "check", "ls2"]);
const isKnown = (name: string): boolean => session.has(name) || name in globalThis;

/** The magics of a cell: row, kind, name, text. */
function magics(source: string): unknown[] {
  const parsed = parseCell(source, registry, isKnown);
  if (parsed.kind === "help") return ["help", parsed.name];
  return parsed.kind === "cell"
    ? [parsed.name, parsed.line, parsed.body]
    : parsed.lines.map(({ row, kind, name, text, assign }) => [row, kind, name || assign.trim(), text]);
}

/** Cells that look as if they had magics and are TypeScript, by what they do. */
const typescript: Record<string, string> = {
  "a remainder": "total\n% 4",
  "a remainder of a name": "total\n%parts",
  "a remainder of a variable that is called as a magic is": "total\n%time",
  "a remainder of a member": "total\n%list.length",
  "a remainder of a call": "total\n%check(2)",
  "a remainder behind an operator": "const a = 2 *\n%b",
  "a remainder of a group": "(total + 1)\n%parts",
  "a remainder of an element": "list[0]\n%parts",
  "a remainder that is compared": "total\n%parts === 0",
  "a remainder in brackets": "f(\n7\n%parts\n)",
  "a remainder in a list": "[\n7\n%time\n]",
  "a remainder that is assigned": "let n = 5\nn\n%= 3",
  "a negated variable": "!ready",
  "a negated variable with a semicolon": "!ready;",
  "a name with a semicolon": "!done;",
  "a negated call": "!check(1)",
  "a negated call of nothing known": "!unknown(1)",
  "a negated call with a space": "!check (1)",
  "a negated member": "!state.ready && go()",
  "a negated member alone": "!state.ready",
  "a negated private member's": "!state.#ready",
  "a negated optional member": "!state?.ready",
  "a negated element": "!list[0]",
  "a negated element of what may be missing": "!list?.[0]",
  "a negated variable and another": "!x && y",
  "a negated variable or another": "!x || y",
  "a negated variable or another where it is null": "!x ?? y",
  "a choice": "!x ? 1 : 2",
  "a comparison": "!x === y",
  "a comparison with in": "!x in y",
  "a comparison with instanceof": "!x instanceof Map",
  "a type assertion": "!x as boolean",
  "two expressions": "!x, y",
  "a double negation": "!!y",
  "a triple negation": "!!!y",
  "a negated group": "!(x && y)",
  "a negated promise": "!(await x)",
  "a negated await": "!await x",
  "a function that is called at once": "!function () {}()",
  "an arrow that is called at once": "!(() => 1)()",
  "an asynchronous function that is called at once": "!async function () {}()",
  "a negated class": "!class {}",
  "a negated typeof": "!typeof x",
  "a negated new object": "!new Map().size",
  "a negated literal": "!true",
  "a negated number": "!0",
  "a negated fraction": "!.5",
  "a negated string": '!"text"',
  "a negated template": "!`text`",
  "a negated tagged template": "!String.raw`text`",
  "a negated list": "![1].length",
  "a negated object": "!{}",
  "a negated regular expression's test": "!/^a b$/.test(x)",
  "a negated bitwise complement": "!~list.indexOf(1)",
  "a negated minus": "!-x",
  "a negated this": "!this.x",
  "a negated import()": "!import('x')",
  "a negated global": "!globalThis.foo",
  "a negated name of the global object": "!fetch",
  "a negated non-null assertion": "!x!",
  "a variable of the cell": "const done = false;\n!done",
  "a variable of the cell, declared below": "!later\nvar later = 1;",
  "a function of the cell": "function make() {}\n!make",
  "a class of the cell": "class Make {}\n!Make",
  "an imported name": 'import { make as build } from "x"\n!build',
  "a name of a pattern": "const { a, b: { make } } = f();\n!make",
  "a name of a pattern over lines": "const {\n  a,\n  make,\n} = f();\n!make",
  "a negation that is assigned": "const off = !ready",
  "a negation that is assigned to a variable": "x = !ready",
  "a negated call that is assigned": "const off = !check(x)",
  "an inequality over lines": "x\n!== y",
  "a weak inequality over lines": "x\n!= y",
  "a negation behind an operator": "const a = x &&\n!ls -la",
  "a negation behind an equals sign": "const a =\n!make",
  "a negation behind an arrow": "const f = () =>\n!make",
  "a negation behind return": "function f() {\nreturn (\n!make\n)}",
  "a template": "const t = `\n%time 1\n!ls -la\n%%time\n`;",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell's text, not a template.
  "a template's hole": "`${\n%time\n}`",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell's text, not a template.
  "a template in a template": "`a ${`\n!ls -la\n`}\n%time 1`",
  "a comment": "/*\n%time 1\n!ls -la\n*/ 1 // !ls",
  "a line of comment": "// %time 1\n//!ls -la",
  "a documentation comment": "/**\n * x\n%timeit 1\n */\n1",
  brackets: "f(\n%time\n)",
  "an argument": "f(\n!ls\n)",
  "a function's body": "function f() {\n%time\n}",
  "a method's body": "class A {\n  m() {\n!ready\n  }\n}",
  "an object's body": "const o = {\n%time\n}",
  "percent signs in a string": 'const s = "%%time";',
  "a string that goes on": 'const s = "a \\\n%time 1\\\n!ls -la";',
  "percent signs in a regular expression": "const r = /%%/g;\nr",
  "JSX text": "const e = <div>\n!ls -la\n%time 1\n</div>;",
  "JSX text below an element": "const e = (\n<ul>\n<li/>\n!ls -la\n{x}\n%time 1\n</ul>\n);",
  "JSX of a fragment": "const e = <>\n%time 1\n</>;",
  "JSX with attributes": 'const e = <a href="x" b={{ c: 1 }} d>\n!ls -la\n</a>;',
  "a hash-bang": "#!/usr/bin/env node\n1",
};

/** Cells with magics and commands, with what they are. */
const meant: [string, string, unknown[]][] = [
  ["a magic line", "const a = 1;\n%timeit a + 1", [[1, "magic", "timeit", "a + 1"]]],
  ["a magic line that is indented", "  %time 1", [[0, "magic", "time", "1"]]],
  ["a magic without a semicolon before it", "f()\n%timeit g()", [[1, "magic", "timeit", "g()"]]],
  ["a magic behind an operand, with flags", "const a = 1\n%timeit -n 10 a", [[1, "magic", "timeit", "-n 10 a"]]],
  ["a magic alone behind an operand", "f()\n%lsmagic", [[1, "magic", "lsmagic", ""]]],
  ["a magic that is called as a variable is", "time;\n%time f()", [[1, "magic", "time", "f()"]]],
  ["a magic with a group behind it", "f()\n%timeit (await g())", [[1, "magic", "timeit", "(await g())"]]],
  ["a misspelt magic", "%tiemit f()", [[0, "magic", "tiemit", "f()"]]],
  ["a misspelt magic behind an operand", "f()\n%tiemit g()", [[1, "magic", "tiemit", "g()"]]],
  ["a magic behind a function", "function f() {\n}\n%time f()", [[2, "magic", "time", "f()"]]],
  ["a magic behind an object", "const o = {}\n%time o", [[1, "magic", "time", "o"]]],
  ["a magic behind a comment", "1 // one\n/* two */\n%time 1", [[2, "magic", "time", "1"]]],
  ["a magic whose value is kept", "const r = %timeit -o 1", [[0, "magic", "timeit", "-o 1"]]],
  ["a magic over two lines", "%env A=1 \\\n2\n1", [[0, "magic", "env", "A=1  2"]]],
  ["a magic with Windows' line ends", "1;\r\n%time 2\r\n", [[1, "magic", "time", "2"]]],
  ["a magic in a block", "if (x) {\n  %time f()\n}", [[1, "magic", "time", "f()"]]],
  ["a command in a loop", "for (const f of list) {\n  !wc -l {f}\n}", [[1, "shell", "", "wc -l {f}"]]],
  ["a command behind if", "if (x)\n  !git pull", [[1, "shell", "", "git pull"]]],
  [
    "a command in try and catch",
    "try {\n!a b\n} catch (e) {\n!c d\n} finally {\n!e f\n}",
    [
      [1, "shell", "", "a b"],
      [3, "shell", "", "c d"],
      [5, "shell", "", "e f"],
    ],
  ],
  ["a command", "!ls -la", [[0, "shell", "", "ls -la"]]],
  ["a command with a space", "! ls -la", [[0, "shell", "", "ls -la"]]],
  ["a path", "!./run.sh now", [[0, "shell", "", "./run.sh now"]]],
  ["a path from the root", "!/bin/ls", [[0, "shell", "", "/bin/ls"]]],
  ["a path of folders", "!/usr/bin/env node --version", [[0, "shell", "", "/usr/bin/env node --version"]]],
  ["a path from home", "!~/bin/run", [[0, "shell", "", "~/bin/run"]]],
  ["a path in a folder", "!bin/run", [[0, "shell", "", "bin/run"]]],
  ["one word", "!make", [[0, "shell", "", "make"]]],
  ["a pipe", "!ls | wc -l", [[0, "shell", "", "ls | wc -l"]]],
  ["two commands", "!ls && pwd", [[0, "shell", "", "ls && pwd"]]],
  ["commands with semicolons", "!ls; pwd", [[0, "shell", "", "ls; pwd"]]],
  ["a command into a file", "!ls > out.txt", [[0, "shell", "", "ls > out.txt"]]],
  ["a command in the background", "!sleep 1 &", [[0, "shell", "", "sleep 1 &"]]],
  ["a variable of the shell", "!NAME=1 node x.js", [[0, "shell", "", "NAME=1 node x.js"]]],
  ["a shell's loop", "!for i in 1 2; do echo $i; done", [[0, "shell", "", "for i in 1 2; do echo $i; done"]]],
  ["a shell's condition", "!if [ -f x ]; then cat x; fi", [[0, "shell", "", "if [ -f x ]; then cat x; fi"]]],
  ["a command called as a variable is", "const git = 1;\n!git log", [[1, "shell", "", "git log"]]],
  ["a command with a quoted program", '!"my program" now', [[0, "shell", "", '"my program" now']]],
  ["a program named by a variable", "!{list[0]} --version", [[0, "shell", "", "{list[0]} --version"]]],
  ["a program whose name begins with a digit", "!7z x a.7z", [[0, "shell", "", "7z x a.7z"]]],
  ["a script by name", "!python3.11 -V", [[0, "shell", "", "python3.11 -V"]]],
  ["a command with a dash", "!apt-get update", [[0, "shell", "", "apt-get update"]]],
  ["a program called as a keyword is", "!import a.png b.jpg", [[0, "shell", "", "import a.png b.jpg"]]],
  ["a program with flags", "!test -f x", [[0, "shell", "", "test -f x"]]],
  ["a command over two lines", "!echo a \\\n  b\n1", [[0, "shell", "", "echo a \\\n  b"]]],
  [
    "a command with an open quote",
    "!echo it's\n!ls -la",
    [
      [0, "shell", "", "echo it's"],
      [1, "shell", "", "ls -la"],
    ],
  ],
  [
    "a command that opens a comment",
    "!ls /tmp/*\n!pwd",
    [
      [0, "shell", "", "ls /tmp/*"],
      [1, "shell", "", "pwd"],
    ],
  ],
  [
    "a command with open brackets",
    "!echo a ( { [ `\n%time 1",
    [
      [0, "shell", "", "echo a ( { [ `"],
      [1, "magic", "time", "1"],
    ],
  ],
  ["a command whose output is kept", "const files = !ls *.ts", [[0, "shell", "const files =", "ls *.ts"]]],
  ["a command whose output is assigned", "files = !ls", [[0, "shell", "files =", "ls"]]],
  ["a command whose output has a type", "let files: string[] = !ls", [[0, "shell", "let files: string[] =", "ls"]]],
  ["a command whose output is taken apart", "const [first] = !ls", [[0, "shell", "const [first] =", "ls"]]],
  ["a magic behind a string of brackets", 'const s = "([{`";\n%time 1', [[1, "magic", "time", "1"]]],
  ["a magic behind a regular expression", "const r = /[(`]/;\n%time 1", [[1, "magic", "time", "1"]]],
  [
    "a magic behind a regular expression of a class",
    "x.replace(/[/\\]`]/g, '');\n%time 1",
    [[1, "magic", "time", "1"]],
  ],
  ["a magic behind a division", "const q = a / b; const s = c / d;\n%time 1", [[1, "magic", "time", "1"]]],
  [
    "a magic behind a division by an element",
    "const q = a[0] / b; const t = `x`\n%time 1",
    [[1, "magic", "time", "1"]],
  ],
  ["a magic behind JSX", "const e = <p>it's {x}</p>;\n%time 1", [[1, "magic", "time", "1"]]],
  ["a magic behind a comparison", "if (x < y) f();\n%time 1", [[1, "magic", "time", "1"]]],
  ["a magic behind type parameters", "const f = <T,>(a: T) => a;\n%time 1", [[1, "magic", "time", "1"]]],
  ["a magic behind a type assertion", "const n = <number>x;\n%time 1", [[1, "magic", "time", "1"]]],
  ["help", "%timeit?", [[0, "help", "timeit", ""]]],
  ["help before the name", "?%timeit", [[0, "help", "timeit", ""]]],
  ["help of a cell magic in a line", "1;\n%%bench?", [[1, "help", "bench", ""]]],
  ["help of a cell magic", "%%bench?", ["help", "bench"]],
  ["a cell magic in the middle", "f()\n%%time\n1", [[1, "magic", "time", ""]]],
  ["a cell magic", "%%timeit -n 1 setup()\nbody()", ["timeit", "-n 1 setup()", "\nbody()"]],
  ["a cell magic below blank lines", "\n\n%%time\nbody", ["time", "", "\n\n\nbody"]],
  ["a cell magic alone", "%%capture out", ["capture", "out", ""]],
  ["a cell magic of a user", "%%mine x\nbody", ["mine", "x", "\nbody"]],
];

describe("The parser of magics", () => {
  it("has at least 60 cells of TypeScript that look like magics, and as many of the reverse", () => {
    assert.ok(Object.keys(typescript).length >= 60);
    assert.ok(meant.length >= 60);
  });
  for (const [name, source] of Object.entries(typescript))
    it(`takes ${name} for TypeScript`, () => assert.deepEqual(magics(source), []));
  for (const [name, source, expected] of meant) it(`finds ${name}`, () => assert.deepEqual(magics(source), expected));
});

describe("What the compiler is asked about", () => {
  const blanked = (source: string): string => blank(source, parseCell(source, registry, isKnown), registry).code;
  const cases: [string, string, string][] = [
    ["a line's magic and its options", "a;\n%timeit -n 10 -q f(a)", "a;\n                 f(a)"],
    ["a magic's line that is no TypeScript", "%env A=1\nb", "        \nb"],
    ["a command", "a\n  !ls -la\nb", "a\n         \nb"],
    ["a command whose output is kept, for an array of strings", "const f = !ls -la", 'const f = [""]   '],
    ["the head of a cell magic", "%%timeit -n 1 f()\ng()", "              f()\ng()"],
    ["a cell of another language", "%%sh\nls -la", "    \n      "],
    ["the lines between bodies", "%%bench\na\n---\nb", "       \na\n   \nb"],
    ["magics in a cell magic's body", "%%time\n!ls -la\na", "      \n       \na"],
    ["nothing of a template", "`\n!ls -la\n`", "`\n!ls -la\n`"],
  ];
  for (const [name, source, expected] of cases)
    it(`blanks ${name}, and everything else keeps its place`, () => {
      assert.equal(blanked(source), expected);
      assert.equal(blanked(source).length, source.length);
    });
});
