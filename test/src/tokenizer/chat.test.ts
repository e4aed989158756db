/** Conversations as callers write them: in parts, with tool calls, to be gone on with; and templates that mean harm. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { ChatTemplateOptions, Message } from "../../../src/tokenizer";
import { checkChatOptions, renderChat } from "../../../src/tokenizer/chat";
import { peak } from "../../peak";
import cases from "./templates.json";

const render = (template: string, messages: unknown[], options: object = {}) =>
  renderChat(template, messages, { eos_token: "</s>" }, options as ChatTemplateOptions);
const user = (content: unknown): Message => ({ role: "user", content });
const plain = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}";

describe("content in parts", () => {
  const text = (value: string) => ({ type: "text", text: value });

  it("is joined by newlines where the template takes text", () => {
    assert.equal(render(plain, [user([text("a"), text("b")])]), "<user>a\nb</s>");
    assert.equal(render("{{ messages[0]['content'] + '!' }}", [user([text("a")])]), "a!");
    assert.equal(render(plain, [user([])]), "<user>[]</s>", "no parts are no text");
  });

  it("is refused where it is no text and the template takes text alone", () => {
    const image = { type: "image_url", image_url: { url: "x" } };
    assert.throws(
      () => render(plain, [user([text("a"), image])]),
      /^TypeError: Expected text, .* but received a part of the type "image_url"\.$/,
    );
    assert.throws(() => render(plain, [user([{ type: "text", text: 5 }])]), /received a part of the type "text"/);
  });

  it("is handed on as it is to a template that goes through it, however that names it", () => {
    const [conversation, expected] = cases.parts as [{ messages: Message[] }, string];
    assert.equal(render(cases.chats[2]?.template as string, conversation.messages), expected);
    const parts = [user([text("a"), { type: "image" }])];
    for (const template of [
      "{% for p in messages[0]['content'] %}{{ p.type }};{% endfor %}",
      "{% set c = messages[0].content %}{% for p in c %}{{ p.type }};{% endfor %}",
      "{% set c = messages[0].get('content') %}{% if 1 %}{% for p in c %}{{ p.type }};{% endfor %}{% endif %}",
      "{{ messages[0].content | map(attribute='type') | join(';') }};",
      "{% macro f(content) %}{% for p in content %}{{ p.type }};{% endfor %}{% endmacro %}{{ f(messages[0].content) }}",
    ])
      assert.equal(render(template, parts), "text;image;", template);
  });
});

describe("a message's fields", () => {
  it("are absent where they are null, as in transformers", () => {
    const message = { role: "assistant", content: null, tool_calls: undefined };
    assert.equal(render("{{ messages[0] }}{{ 'content' in messages[0] }}", [message]), "{'role': 'assistant'}False");
  });

  it("hold the reasoning under each name that templates read", () => {
    for (const name of ["reasoning", "thinking", "reasoning_content"])
      assert.equal(
        render("{{ messages[0].reasoning_content }}|{{ messages[0].thinking }}", [{ role: "assistant", [name]: "r" }]),
        "r|r",
      );
  });

  it("print a tool call's arguments as JSON, whether the template asks for that or pastes them", () => {
    const call = (args: unknown) => [
      { role: "assistant", tool_calls: [{ type: "function", function: { name: "f", arguments: args } }] },
    ];
    const args = { city: 'Paris "é"', days: 2, exact: true, unit: null };
    const json = '{"city": "Paris \\"é\\"", "days": 2, "exact": true, "unit": null}';
    const at = "messages[0].tool_calls[0].function.arguments";
    for (const template of [`{{ ${at} }}`, `{{ ${at} | tojson }}`, `{{ '' + ${at} }}`, `{{ ${at} ~ '' }}`])
      assert.equal(render(template, call(args)), json, template);
    assert.equal(render(`{{ ${at} }}`, call(json)), json, "a text stays the text that it is");
    assert.equal(render(`{% for k, v in ${at}.items() %}{{ k }}={{ v }};{% endfor %}`, call({ a: true })), "a=True;");
    const bare = [{ role: "assistant", tool_calls: [{ name: "f", arguments: { a: 1 } }, 5] }];
    assert.equal(render("{{ messages[0].tool_calls[0].arguments }}", bare), '{"a": 1}');
  });

  it("that are no plain data are named, not run", () => {
    assert.equal(render("{{ messages[0].content }}", [user(new Uint8Array(3))]), "<Uint8Array>");
    assert.equal(render("{{ messages[0].content }}", [user(() => 1)]), "<Function>");
    assert.equal(render("{{ messages[0].content }}", [user(new Map([["a", 1n]]))]), "{'a': 1}");
    assert.equal(render("{{ messages[0].constructor is defined }}", [user("a")]), "False");
    assert.equal(render("{{ messages[0].content.constructor is defined }}", [user("a")]), "False");
    assert.throws(() => render("{{ [].append(1) }}", [user("a")]), /access to attribute 'append' .* is unsafe\.$/);
  });
});

describe("a template's own variables", () => {
  const template = "{{ enable_thinking }}|{{ custom }}|{{ effort is defined }}";

  it("are given by chat_template_kwargs, and by options of their names", () => {
    const wanted = "False|[1, 'a']|False";
    const kwargs = { enable_thinking: false, custom: [1, "a"] };
    assert.equal(render(template, [user("x")], { chat_template_kwargs: kwargs }), wanted);
    assert.equal(render(template, [user("x")], kwargs), wanted);
    assert.equal(render("{{ eos_token }}", [user("x")], { chat_template_kwargs: { eos_token: "E" } }), "E");
  });

  it("may be any name that the template reads, and the common ones always; another is an error", () => {
    checkChatOptions({ custom: 1, enable_thinking: true } as ChatTemplateOptions, template);
    checkChatOptions({ thinking: true, reasoning_effort: "low" }, "no names");
    const check = (options: object) => () => checkChatOptions(options as ChatTemplateOptions, template);
    assert.throws(check({ costum: 1 }), /has no option "costum"/);
    assert.throws(check({ add_generation_promt: true }), /did you mean add_generation_prompt\?/);
    assert.throws(check({ "(": 1 }), /has no option "\("/);
  });
});

describe("a conversation's last message", () => {
  const chat = [user("q"), { role: "assistant", content: "Sure, " }];

  it("is left open for the model to go on with", () => {
    assert.equal(render(plain, chat, { continue_final_message: true }), "<user>q</s><assistant>Sure, ");
    const trimmed = plain.replace("m.content", "m.content | trim");
    assert.equal(render(trimmed, chat, { continue_final_message: true }), "<user>q</s><assistant>Sure,");
    const parts = [user([{ type: "text", text: "a" }, { type: "image" }])];
    const each = "{% for p in messages[0].content %}{{ p.text or '<image>' }}{% endfor %}!";
    assert.equal(render(each, parts, { continue_final_message: true }), "a");
  });

  it("is left open in another field, which the template must read", () => {
    const thought = [user("q"), { role: "assistant", reasoning: "hm", content: "" }];
    const template = "{{ messages[1].reasoning_content }}</think>{{ messages[1].content }}";
    assert.equal(render(template, thought, { continue_final_message: "reasoning" }), "hm");
    const field = { continue_final_message: "other" };
    assert.throws(
      () => render(plain, [{ role: "a", other: "x" }], field),
      /Expected a field that the chat template reads/,
    );
  });

  it("cannot be where there is none to go on with, or where an answer is begun too", () => {
    const go = { continue_final_message: true };
    assert.throws(() => render(plain, [], go), /Expected messages like .+ but received \[\]/);
    assert.throws(() => render(plain, [{ role: "assistant" }], go), /Expected a last message with a "content"/);
    assert.throws(() => render("{{ 'content' }}", chat, go), /the chat template does not write it as it is/);
    assert.throws(() => render(plain, [user({ a: 1 })], go), /Expected text to continue but received/);
    assert.throws(() => render(plain, chat, { ...go, add_generation_prompt: true }), /but received both/);
  });
});

describe("templates that mean harm", () => {
  const twice = (what: string) => `{% set ns = namespace(x=${what}) %}{% for i in range(99) %}{% set ns.x = `;
  const harmful: Record<string, [template: string, error: RegExp]> = {
    "loops in loops": ["{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", /2 seconds/],
    "a text that doubles": [`${twice("'ab'")}ns.x ~ ns.x %}{% endfor %}`, /10000000 characters/],
    "a list that doubles": [`${twice("[1]")}ns.x + ns.x %}{% endfor %}`, /100000 elements/],
    "a list that holds itself twice, printed": [
      `${twice("[1]")}[ns.x, ns.x] %}{% endfor %}{{ ns.x }}`,
      /characters|2 seconds/,
    ],
    "the same as JSON": [`${twice("[1]")}[ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}`, /characters|2 seconds/],
    "two such compared": [
      `${twice("1, y=1")}[ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}`,
      /2 seconds/,
    ],
    "a width": ["{{ 'a'.center(10 ** 9) }}", /10000000 characters/],
    "a format's width": ["{{ '%999999999d' % 1 }}", /10000000 characters/],
    "a specification's width": ["{{ '{:999999999}'.format(1) }}", /10000000 characters/],
    "a repetition": ["{{ 'ab' * 10 ** 9 }}", /10000000 characters/],
    "a replacement that grows": ["{{ ('a' * 100000).replace('a', 'b' * 100000) }}", /10000000 characters/],
    "an indentation that grows": ["{{ ('a\n' * 10000) | indent(10000) }}", /10000000 characters/],
    "JSON's indentation": ["{{ [[1] * 9999] | tojson(indent=9999) }}", /10000000 characters/],
    "a large power": ["{{ 10 ** 99999 }}", /too large/],
    "a macro that calls itself": ["{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", /more than 200 deep/],
    "an empty list, two thousand million times": ["{{ [] * 2147483648 }}{{ 1 / 0 }}", /zero/],
    "chains of filters": [`{{ x${"|map".repeat(2_000)} }}`.repeat(60), /map\(\) is missing/],
    "a chain of filters without end": [`{{ x${"|map".repeat(100_000)} }}`, /nests too deeply/],
    "brackets without end": [`{{ ${"(".repeat(200_000)}`, /nests too deeply|unexpected/],
    "negations without end": [`{{ ${"not ".repeat(100_000)}1 }}`, /nests too deeply/],
    "blanks without end": [`{% if 1 %}${" ".repeat(400_000)}x${" ".repeat(90_000)}{%- endif %}{{ 1 / 0 }}`, /zero/],
  };

  for (const [name, [template, error]] of Object.entries(harmful)) {
    it(`end with an error within seconds: ${name}`, function () {
      this.timeout(60_000);
      const start = performance.now();
      assert.throws(() => render(template, [user("x")]), error);
      assert.ok(performance.now() - start < 20_000, `${performance.now() - start} ms`);
    });
  }

  it("take no more than 800 MB, Node's own included", function () {
    this.timeout(30_000);
    const program = `
      const { renderChat } = require("./src/tokenizer/chat");
      for (const template of JSON.parse(require("node:fs").readFileSync(0, "utf8")))
        try { renderChat(template, [{ role: "user", content: "x" }], {}, {}); } catch {}
      console.log(${peak});`;
    const node = ["--max-old-space-size=600", "--require", "tsx/cjs", "-e", program];
    const input = JSON.stringify(Object.values(harmful).map(([template]) => template));
    const options = { cwd: join(__dirname, "../../.."), encoding: "utf8", input } as const;
    const most = Number(execFileSync(process.execPath, node, options));
    assert.ok(most < 800_000, `${most} kB`);
  });
});
