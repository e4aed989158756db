/** Chat templates render as jinja2 does in transformers' environment: templates.py asked it. */
import assert from "node:assert/strict";
import { renderChat } from "../../../src/tokenizer/chat";
import type { ChatTemplateOptions, Message } from "../../../src/tokenizer";
import cases from "./templates.json";

/** The time at which templates.py rendered. */
const RealDate = globalThis.Date;
class FixedDate extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(2024, 6, 5, 9, 8, 7);
    else super(...(args as [number]));
  }
}

const special = { bos_token: "<s>", eos_token: "</s>" };

function render(template: string, messages: Message[], options: ChatTemplateOptions, variables: object = special) {
  globalThis.Date = FixedDate as DateConstructor;
  try {
    return renderChat(template, messages, variables as Record<string, unknown>, options);
  } catch (error) {
    // A refusal is a sentence, never a fault of the renderer.
    assert.ok(/cannot be rendered|continued|continue/.test((error as Error).message), String((error as Error).stack));
    return undefined;
  } finally {
    globalThis.Date = RealDate;
  }
}

describe("chat templates", () => {
  it("give jinja2's text on every expression, filter, test, method and statement, or refuse where it does", () => {
    const wrong: string[] = [];
    for (const [template, expected] of cases.snippets as [string, string?][]) {
      const text = render(template, cases.messages, { tools: cases.tools }, cases.variables);
      if (text !== expected)
        wrong.push(`${template}\n  expected ${JSON.stringify(expected)}\n  received ${JSON.stringify(text)}`);
    }
    assert.deepEqual(wrong, [], `${wrong.length} of ${cases.snippets.length}:\n${wrong.join("\n")}`);
  });

  for (const { name, template, texts } of cases.chats) {
    it(`give transformers' text of conversations, tools and thoughts: ${name}`, () => {
      for (const [i, [expected]] of (texts as [string?][]).entries()) {
        const { messages, kwargs, ...options } = cases.conversations[i] as Record<string, unknown>;
        const asked = { ...options, ...(kwargs ? { chat_template_kwargs: kwargs } : {}) } as ChatTemplateOptions;
        assert.equal(render(template, messages as Message[], asked), expected, `conversation ${i}`);
      }
    });
  }
});
