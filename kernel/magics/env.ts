/** `%env`: the variables of the environment, which commands and programs that cells start are given. */
import type { Magic } from "../../src/magic";

export const env: Magic = {
  name: "env",
  aliases: ["set_env"],
  kinds: ["line"],
  summary: "Lists, gives or sets variables of the environment.",
  argument: "[NAME[=VALUE]]",
  values: () => Object.keys(process.env),
  details: "Without a name it gives all of them, with the values of keys, tokens and secrets hidden.",
  example: "%env CUDA_VISIBLE_DEVICES=1",
  async run(context, { line }) {
    const text = line.trim();
    if (text === "") return listed();
    const [, name = "", value] = /^([^\s=]+)(?:\s*=\s*|\s+)?([\s\S]*)$/.exec(text) ?? [];
    const sets = text.length > name.length;
    if (!sets) {
      const found = process.env[name];
      if (found === undefined) throw new Error(`There is no ${name} in the environment`);
      return found;
    }
    process.env[name] = value;
    context.write("stdout", `env: ${name}=${value}\n`);
    return undefined;
  },
};

function listed(): Record<string, string> {
  const entries = Object.entries(process.env).map(([name, value = ""]) => [
    name,
    /key|token|secret/i.test(name) ? "<hidden>" : value,
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
