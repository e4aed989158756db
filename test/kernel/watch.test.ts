/** A generation that is watched in a notebook: what its output says when the reader stops it, over the wire. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Received, TestKernel } from "./client";

describe("A generation that is watched", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
    const { reply } = await kernel.execute(
      `import { AutoModelForCausalLM, defaultModel, watch } from "phi3lab";
const model = await AutoModelForCausalLM.from_pretrained(await defaultModel());`,
      {},
      60_000,
    );
    assert.equal(reply.status, "ok", JSON.stringify(reply));
  });
  after(() => kernel.stop());

  const endless = '{ prompt: "The capital of France is", max_new_tokens: 4000, eos_token_id: [] }';
  const shown = (from: number): Received[] =>
    kernel.log.slice(from).filter(({ header }) => /^(update_)?display_data$/.test(header.msg_type));
  const text = ({ content }: Received): string => content.data["text/plain"];
  /** The output as the page is left with it: the last that came, after as long as a still picture takes. */
  async function left(from: number): Promise<Received> {
    await kernel.wait(() => shown(from).find(({ content }) => content.data["image/png"]));
    await sleep(300);
    assert.equal(new Set(shown(from).map(({ content }) => content.transient.display_id)).size, 1);
    return shown(from).at(-1) as Received;
  }
  function assertStopped(last: Received): void {
    const [, count] = /\n(\d+) new tokens, then stopped; /.exec(text(last)) ?? [];
    assert.ok(Number(count) >= 4, text(last));
    assert.match(text(last), /The capital of France is Paris/);
    assert.match(last.content.data["text/html"], /new tokens, then stopped; /);
    assert.doesNotMatch(last.content.data["text/html"], /Stop"|so far/);
    assert.equal(Buffer.from(last.content.data["image/png"], "base64").toString("latin1", 1, 4), "PNG");
  }

  it("says that it was stopped and after how many tokens, with a still picture, when it is interrupted", async () => {
    const from = kernel.log.length;
    const id = await kernel.submit(`await watch(model, ${endless})`);
    await kernel.wait(() => shown(from).find((one) => /([4-9]|\d\d) new tokens so far/.test(text(one))));
    const began = performance.now();
    await kernel.send("control", "interrupt_request", {});
    const { reply } = await kernel.finished(id);
    assert.equal(reply.ename, "KeyboardInterrupt");
    assert.ok(performance.now() - began < 5_000);
    assertStopped(await left(from));
    assert.equal((await kernel.execute("6 * 7")).result, "42");
  });

  it("says so when its own signal aborts, and the cell ends with what the signal says", async () => {
    const from = kernel.log.length;
    const id = await kernel.submit(
      `await watch(model, { ...${endless}, signal: AbortSignal.timeout(3000) }).catch((error) => error.name)`,
    );
    const { result } = await kernel.finished(id);
    assert.equal(result, "'TimeoutError'");
    // Nothing comes behind the cell's own end.
    assertStopped(shown(from).at(-1) as Received);
    assertStopped(await left(from));
  });

  it("says so when it fails, and the error is the cell's", async () => {
    const from = kernel.log.length;
    const { reply } = await kernel.execute(
      `await watch(model, { ...${endless}, logits_processor: [(ids, scores) => {
  if ((ids[0] as number[]).length > 10) throw new Error("enough");
  return scores;
}] })`,
    );
    assert.equal(reply.evalue, "enough", JSON.stringify(reply));
    assertStopped(await left(from));
    assert.match(text(shown(from).at(-1) as Received), /\n6 new tokens, then stopped/);
  });

  it("can be watched again, and that ends as ever", async () => {
    const from = kernel.log.length;
    const { result } = await kernel.execute(
      'await watch(model, { prompt: "The capital of France is", max_new_tokens: 5 })',
    );
    assert.match(result ?? "", /^5 new tokens in /);
    assert.match(text(shown(from).at(-1) as Received), /\n5 new tokens; /);
    assert.ok(shown(from).at(-1)?.content.data["image/png"]);
    assert.equal(shown(from).filter(({ content }) => content.data["image/png"]).length, 1);
  });
});
