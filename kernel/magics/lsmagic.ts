/** `%lsmagic`: what magics there are. */
import type { Magic } from "../../src/magic";
import { behind } from "./lines";
import { type Registry, signOf } from "./registry";

/** Made from the registry that it lists. */
export function lsmagic(registry: () => Registry): Magic {
  return {
    name: "lsmagic",
    aliases: ["magic", "quickref"],
    kinds: ["line"],
    summary: "Lists the magics.",
    async run(context) {
      const rows = registry().all.map((magic) => {
        const names = magic.kinds.map((kind) => signOf(kind) + magic.name);
        return [names.join("  "), magic.summary] as const;
      });
      rows.push(["!command", "Runs a command of the system's shell; how it ended is in _exit_code."]);
      const width = Math.max(...rows.map(([names]) => names.length));
      const table = rows.map(([names, text]) => behind(`${names.padEnd(width)}  `, text)).join("\n");
      context.write("stdout", `${table}\n\n%NAME? or %%NAME? shows how one is used.\n`);
      return undefined;
    },
  };
}
