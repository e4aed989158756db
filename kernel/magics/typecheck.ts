/** `%typecheck`: what a type error does to the cells that follow. */
import type { Magic, TypecheckMode } from "../../src/magic";

const modes: readonly TypecheckMode[] = ["error", "warn", "off"];

export const typecheck: Magic = {
  name: "typecheck",
  kinds: ["line"],
  summary:
    "Says what a type error does to the cells that follow: it stops them, is shown as a warning, or is not looked for.",
  argument: modes.join(" | "),
  values: () => modes,
  example: "%typecheck warn",
  async run(context, { line }) {
    const mode = modes.find((each) => each === line.trim());
    if (mode === undefined)
      throw new Error(`Expected one of ${modes.join(", ")} for %typecheck but received ${line.trim() || "nothing"}`);
    await context.setTypecheck(mode);
    return undefined;
  },
};
