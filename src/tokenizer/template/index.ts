/**
 * Renders chat templates: Jinja as transformers has it (a sandbox in which nothing can be changed, `trim_blocks` and
 * `lstrip_blocks`, `break` and `continue`, `{% generation %}`, `raise_exception`, `strftime_now`, a `tojson` that
 * escapes nothing), with bounds on time and memory. Left out: other templates (`include`, `extends`), HTML's escaping,
 * `urlize` and `lipsum`.
 */
import { Scope } from "./evaluate";
import { execute, Output, place } from "./execute";
import { RaisedByTemplate } from "./globals";
import { bounded, limits } from "./limits";
import type { Body } from "./nodes";
import { parseTemplate } from "./parser";
import { TemplateError, type Value } from "./values";

export { TemplateError } from "./values";

const parsed = new Map<string, Body>();

/** Parses a template, or takes it from those that were parsed last. @throws TemplateError where it is none. */
export function parse(source: string): Body {
  const known = parsed.get(source);
  if (known) return known;
  if (source.length > limits.source)
    throw new TemplateError(`it has ${source.length} characters; expected at most ${limits.source}`);
  const body = guarded(() => parseTemplate(source));
  if (parsed.size >= 16) parsed.clear();
  parsed.set(source, body);
  return body;
}

/**
 * Renders a template.
 *
 * @param variables The names that it may use.
 * @throws TemplateError when the template is damaged, raises an exception of its own, or takes too long or too much.
 */
export function render(source: string, variables: Record<string, Value>): string {
  const body = parse(source);
  const scope = new Scope();
  for (const [name, value] of Object.entries(variables)) scope.set(name, value);
  const output = new Output();
  return guarded(() =>
    bounded(() => {
      try {
        // What the template sets does not touch what it was given.
        execute(body, new Scope(scope, body), output);
      } catch (error) {
        if (!(error instanceof TemplateError) || error instanceof RaisedByTemplate) throw error;
        throw new TemplateError(`line ${place.line}: ${error.message}`, { cause: error });
      }
      return output.text;
    }),
  );
}

/** Templates nest as deep as the stack allows. @throws TemplateError for one that nests deeper. */
export function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError && /call stack/.test(error.message))
      throw new TemplateError("it nests too deeply", { cause: error });
    throw error;
  }
}
