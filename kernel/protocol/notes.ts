/** What runs, noted where it outlives the process: `report_death.ts` tells the client of that cell what became of it. */
import { writeSync } from "node:fs";
import type { Known } from "./requests";
import { type LastWords, NOTE_BYTES, NOTES, terminal } from "./supervised";

const supervised = (): boolean => terminal.stdout !== 1;

/** Notes that the code of a request runs. */
export function noteRunning({ header, message }: Known): void {
  if (supervised()) {
    const note: LastWords = { header, identities: message.identities.map((identity) => identity.toString("hex")) };
    write(JSON.stringify(note));
  }
}

/** Notes that nothing runs, or that the kernel ends by itself. */
export function clearNote(): void {
  if (supervised()) {
    write("");
  }
}

function write(text: string): void {
  const line = Buffer.from(`${text}\n`);
  if (line.length <= NOTE_BYTES) {
    writeSync(NOTES, line, 0, line.length, 0);
  }
}
