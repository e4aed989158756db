/** Changes templates by their tokens, so that most of what is made is still a template. */

const token =
  /\{[%{#][-+]?|[-+]?[%}#]\}|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\p{L}_][\p{L}\p{N}_]*|\d+|\s+|\*\*|\/\/|[=!<>]=|./gsu;
/** Tags as they follow one another, whole. */
const tag = /\{%[\s\S]*?%\}|\{\{[\s\S]*?\}\}|\{#[\s\S]*?#\}|(?:[^{]|\{(?![%{#]))+|\{/g;

const expressions = [
  "messages",
  "messages[0]",
  "messages[-1].content",
  "message",
  "tools",
  "none",
  "true",
  "1",
  "2.5",
  "''",
  "[1, 'a']",
  "(1, 2)",
  "{'a': 1}",
  "x",
  "loop",
  "loop.index",
  "namespace(a=1)",
  "range(3)",
  "dict(a=1)",
  "1 + 2",
  "'a' ~ 1",
  "a if b else c",
  "messages[1:]",
  "not x",
  "x is defined",
  "x in y",
  "1 < 2 < 3",
  "-x",
  "f(1, *y, **z)",
  "caller()",
  "varargs",
  "self",
];
const blocks = [
  ["{% for x in messages %}", "{% endfor %}"],
  ["{% for k, v in {'a': 1}.items() recursive %}", "{% else %}e{% endfor %}"],
  ["{% if x is defined and loop.first %}", "{% elif y %}b{% else %}c{% endif %}"],
  ["{% macro f(a, b=1) %}", "{{ caller() }}{% endmacro %}{% call(q) f(1) %}{{ q }}{% endcall %}"],
  ["{% set ns = namespace(a=0) %}{% set ns.a = 1 %}{% set t %}", "{% endset %}{{ t }}"],
  ["{% filter upper %}", "{% endfilter %}"],
  ["{% with a = 1, b = 2 %}", "{% endwith %}"],
  ["{% generation %}", "{% endgeneration %}"],
  ["{% raw %}", "{% endraw %}"],
  ["{%- block b -%}", "{%+ endblock %}"],
  ["{# ", " #}"],
];

function templateMutator({ random, pick, word, bytes }) {
  const expression = () => {
    const sort = random(8);
    if (sort === 0) return word();
    if (sort === 1) return `${expression()}|${word()}`;
    if (sort === 2) return `${expression()}.${word()}(${random(2) ? expression() : ""})`;
    if (sort === 3) return `${expression()}|${word()}(${expression()})`;
    return pick(expressions);
  };
  const spliced = (list, start, count, ...made) => [...list.slice(0, start), ...made, ...list.slice(start + count)];

  /** On the tokens of a template. */
  const tokenChanges = [
    (all, at) => spliced(all, at, 1, word()),
    (all, at) => spliced(all, at, 1, expression()),
    (all, at) => spliced(all, at, 1 + random(3)),
    (all, at) =>
      spliced(all, at, 0, pick(["|", ".", " ", ",", "-", "~", " is ", " not ", " in ", "(", ")", "[", "]"]), word()),
    (all, at) => spliced(all, at, 0, all[random(all.length)] ?? ""),
    (all, at) => spliced(all, at, 1, String(pick([0, -1, 2, 7, 100, 1e5, 2 ** 31, 2 ** 53, "1e400", "0x1f"]))),
    (all, at) => spliced(all, at, 1, all[random(all.length)] ?? "", all[at] ?? ""),
  ];
  /** On its tags. */
  const tagChanges = [
    (all, at) => spliced(all, at, 1 + random(2)),
    (all, at, other) => spliced(all, at, 0, ...other.slice(random(other.length), random(other.length))),
    (all, at, other) => spliced(all, at, 1, pick(other) ?? ""),
    (all, at) => spliced(all, at, 0, `{{ ${expression()} }}`),
    (all, at) => {
      const [open, close] = pick(blocks);
      const end = at + random(4);
      return [...all.slice(0, at), open, ...all.slice(at, end), close, ...all.slice(end)];
    },
    (all, at) => spliced(all, at, 1, all[at] ?? "", all[at] ?? ""),
  ];

  /** A template made of one, or of two. */
  return (input, other) => {
    if (random(10) === 0) return bytes(input, other);
    let text = input.toString();
    for (let i = 1 + random(3); i > 0; i--) {
      const byTag = random(3) === 0;
      const all = text.match(byTag ? tag : token) ?? [];
      const at = random(all.length + 1);
      text = (
        byTag ? pick(tagChanges)(all, at, other.toString().match(tag) ?? [""]) : pick(tokenChanges)(all, at)
      ).join("");
    }
    return Buffer.from(text);
  };
}

module.exports = { templateMutator };
