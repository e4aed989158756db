/** What the pipeline makes of conversations: one that ends with the assistant's words is gone on with. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { GenerationConfig, type Message, pipeline } from "../../src";
import { Tensor } from "../../src/tensor";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../src/tokenizer";
import { phi3Folder } from "./tokenizer/models";

describe("a pipeline on conversations", () => {
  let tokenizer: PreTrainedTokenizer;
  let prompt: string;
  before(async () => {
    const folder = await phi3Folder();
    tokenizer = await AutoTokenizer.from_pretrained(folder);
    rmSync(folder, { recursive: true });
  });

  /** Answers whatever it is asked with " Paris.", and notes what that was. */
  async function ask(chat: Message[]): Promise<Message[]> {
    const generate = async ({ input_ids }: { input_ids: number[] }) => {
      prompt = tokenizer.decode(input_ids);
      const ids = [...input_ids, 3681, 29889, 32007];
      return new Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
    };
    const generator = pipeline("text-generation", {
      model: { generate, generation_config: new GenerationConfig() } as never,
      tokenizer,
    });
    return (await generator(chat))[0]?.generated_text as Message[];
  }
  const user = { role: "user", content: "The capital of France?" };

  it("answers the user", async () => {
    const answered = await ask([user]);
    assert.deepEqual(answered.slice(0, -1), [user]);
    assert.equal(answered.at(-1)?.role, "assistant");
    assert.match(String(answered.at(-1)?.content), /^ ?Paris\.$/);
    assert.match(prompt, /<\|assistant\|>\s*$/);
  });

  it("goes on with the assistant's last words, as transformers' does", async () => {
    const answered = await ask([user, { role: "assistant", content: "It is" }]);
    assert.deepEqual(answered, [user, { role: "assistant", content: "It is Paris." }]);
    assert.match(prompt, /It is$/);
    const parts = await ask([user, { role: "assistant", content: [{ type: "text", text: "It is" }] }]);
    assert.deepEqual(parts.at(-1)?.content, [{ type: "text", text: "It is Paris." }]);
  });
});
