/**
 * What a template may use up: it came with a model from the network and must not be able to stop the process. Whatever
 * makes text or lists, or goes through them, says so here first.
 */
import { TemplateError } from "./values";

/** The most of each. */
export const limits = {
  /** Of the template itself. */
  source: 500_000,
  /** Of one text. */
  characters: 10_000_000,
  /** Of one list. */
  elements: 100_000,
  /** Characters and elements that are made in all, which bounds the memory. */
  total: 400_000_000,
  milliseconds: 2_000,
  /** Calls of macros inside one another. */
  depth: 200,
};

let deadline = Infinity;
let spent = 0;
let unchecked = 0;

/** Runs something that may spend {@link limits}, and no more. */
export function bounded<T>(run: () => T): T {
  const before = { deadline, spent };
  deadline = performance.now() + limits.milliseconds;
  spent = 0;
  unchecked = 0;
  try {
    return run();
  } finally {
    ({ deadline, spent } = before);
  }
}

/** @throws TemplateError when `work` more steps, characters or elements are too many. */
export function spend(work: number): void {
  spent += work;
  unchecked += work + 16;
  if (spent > limits.total) throw new TemplateError(`it made more than ${limits.total} characters and elements in all`);
  if (unchecked < 4096) return;
  unchecked = 0;
  if (performance.now() > deadline) {
    throw new TemplateError(`it ran for more than ${limits.milliseconds / 1000} seconds`);
  }
}

/** To be called before a text of this length is made. @throws TemplateError when it is too long. */
export function spendText(length: number): void {
  spend(checked(length));
}

/** To be called before a text grows by `more` to this length. @throws TemplateError when it is too long. */
export function spendGrowth(length: number, more: number): void {
  checked(length);
  spend(more);
}

function checked(length: number): number {
  if (!(length <= limits.characters))
    throw new TemplateError(`it made a text of more than ${limits.characters} characters`);
  return length;
}

/** To be called before a list of this length is made. @throws TemplateError when it is too long. */
export function spendList(length: number): void {
  if (!(length <= limits.elements)) throw new TemplateError(`it made a list of more than ${limits.elements} elements`);
  spend(length);
}
