/** `%time` and `%%time`: one run of a statement or a cell, its processor and wall time printed as IPython prints them. */
import type { Magic } from "../../src/magic";
import { formatTime } from "./format_time";

export const time: Magic = {
  name: "time",
  kinds: ["line", "cell"],
  summary: "Runs a statement or a cell once and prints its processor and wall time; its value is the cell's.",
  argument: "STATEMENT",
  typescript: ["line", "body"],
  example: "%time JSON.parse(text)",
  async run(context, { line, body }) {
    if (line.trim() !== "" && body !== undefined && body.trim() !== "")
      throw new Error("Can't use statement directly after '%%time'!");
    const [wall, cpu] = [performance.now(), process.cpuUsage()];
    try {
      return await context.evaluate(body ?? line);
    } finally {
      const used = process.cpuUsage(cpu);
      const [user, system] = [used.user / 1e6, used.system / 1e6];
      const seconds = (performance.now() - wall) / 1000;
      const times = `user ${formatTime(user)}, sys: ${formatTime(system)}, total: ${formatTime(user + system)}`;
      context.write("stdout", `CPU times: ${times}\nWall time: ${formatTime(seconds)}\n`);
    }
  },
};
