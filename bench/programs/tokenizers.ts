/** Writes a tokenizer.json of each model family, over the tests' small vocabulary, into folders of the one that is named. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layouts } from "../../test/src/tokenizer/layouts/layouts";
import { phi3Json } from "../../test/src/tokenizer/models";

async function main(folder: string): Promise<void> {
  for (const [name, { json }] of Object.entries({ "Phi-3": { json: phi3Json }, ...layouts })) {
    const place = join(folder, name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "tokenizer.json"), JSON.stringify(await json()));
  }
}

void main(process.argv[2] as string);
