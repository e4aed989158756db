/** Prints a text's tokens as a terminal with colours gets them. */
import { inspect } from "node:util";
import { AutoModelForCausalLM, defaultModel, plotTokens } from "../../../src";

async function main(): Promise<void> {
  const model = await AutoModelForCausalLM.from_pretrained(await defaultModel({ print: () => undefined }));
  const scores = await model.log_probs(
    "When Mary and John went to the store, John gave a drink to Mary. The sky is green.",
  );
  console.log(inspect(plotTokens(scores), { colors: true }));
  await model.dispose();
}

void main();
