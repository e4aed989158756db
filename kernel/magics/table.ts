/** The kernel's own magics, in the order in which they are listed. */
import { bench } from "./bench";
import { capture } from "./capture";
import { cd, pwd } from "./cd";
import { env } from "./env";
import { gpu } from "./gpu";
import { history } from "./history";
import { load } from "./load";
import { lsmagic } from "./lsmagic";
import { npm } from "./npm";
import { Registry } from "./registry";
import { bash, script, sh } from "./script";
import { html, javascript, latex, markdown, svg } from "./show";
import { time } from "./time";
import { timeit } from "./timeit";
import { typecheck } from "./typecheck";
import { who, whos } from "./who";
import { writefile } from "./writefile";

/** A registry that holds them. */
export function createRegistry(): Registry {
  const registry: Registry = new Registry([
    ...[timeit, time, bench, capture, sh, bash, script],
    ...[html, markdown, javascript, svg, latex],
    ...[writefile, load, cd, pwd, env, who, whos, history, npm, gpu, typecheck],
    lsmagic(() => registry),
  ]);
  return registry;
}
