/**
 * Times a generation from a notebook cell, through the kernel: MODEL OPTIONS TOKENS NEW
 * ROUNDS, OPTIONS being JSON for from_pretrained; prints the milliseconds as JSON.
 */
import { TestKernel } from "../../test/kernel/client";

const [model, place, tokens, fresh, rounds] = process.argv.slice(2) as [string, string, string, string, string];

async function main(): Promise<void> {
  const kernel = await TestKernel.start({ cwd: process.cwd() });
  const run = async (code: string) => {
    const { reply, stdout } = await kernel.execute(code);
    if (reply.status !== "ok") throw new Error(`${reply.ename}: ${reply.evalue}`);
    return stdout;
  };
  await run(`import { AutoModelForCausalLM } from "phi3lab";
const model = await AutoModelForCausalLM.from_pretrained(${JSON.stringify(model)}, ${place});
const input_ids = Array.from({ length: ${tokens} }, (_, i) => 500 + 7 * i);
const options = { input_ids, max_new_tokens: ${fresh}, eos_token_id: [] };`);
  const times: number[] = [];
  for (let round = 0; round < Number(rounds); round++)
    times.push(
      Number(
        await run(
          "const start = performance.now(); await model.generate(options); console.log(performance.now() - start);",
        ),
      ),
    );
  console.log(JSON.stringify(times));
  await kernel.stop();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
