/** `%lsmagic`: what magics there are. */
import type { Magic } from "./magic";

/** Made from the table that it lists. */
export function lsmagic(table: () => readonly Magic[]): Magic {
  return {
    name: "lsmagic",
    kinds: ["line"],
    summary: "Lists the magics.",
    async run(context) {
      const rows = table().map((magic) => {
        const names = magic.kinds.map((kind) => (kind === "line" ? `%${magic.name}` : `%%${magic.name}`));
        return [names.join("  "), magic.summary] as const;
      });
      rows.push(["!command", "Runs a command of the system's shell; how it ended is in _exit_code."]);
      const width = Math.max(...rows.map(([names]) => names.length));
      context.write("stdout", `${rows.map(([names, text]) => `${names.padEnd(width)}  ${text}`).join("\n")}\n`);
      return undefined;
    },
  };
}
