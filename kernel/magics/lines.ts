/** Lines that a magic prints of its own accord: short enough that no front end breaks them in the middle of a word. */
import { wrap } from "../../src/plots/words";

const WIDTH = 100;

/** The text behind `head`, its later lines below its first. */
export const behind = (head: string, text: string): string =>
  head + wrap(text, WIDTH - head.length).join(`\n${" ".repeat(head.length)}`);
