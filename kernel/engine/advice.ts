/** What to do about names and modules that are not there: one sentence with the line to type. */

/** The package that a specifier belongs to: `lodash/fp` to `lodash`, `@scope/name/x` to `@scope/name`. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** What to type for a module that cannot be found; undefined for a file. */
export function moduleAdvice(specifier: string): string | undefined {
  const scheme = /^(npm|jsr|https?|node):(.*)$/.exec(specifier);
  if (scheme) {
    const [, kind, rest = ""] = scheme;
    if (kind === "npm") {
      const name = rest.replace(/^\//, "").replace(/(?<=.)@[^/]*/, "");
      const version = /(?<=.)@([^/]*)/.exec(rest)?.[0] ?? "";
      return `Packages are imported by their names here: "%npm install ${packageOf(name)}${version}" installs this one, then import "${name}".`;
    }
    if (kind === "jsr") {
      const name = packageOf(rest.replace(/^\//, "")).replace(/(?<=.)@[^/]*$/, "");
      return `Packages of JSR are installed by npm here: "%npm install ${name}@npm:@jsr/${name.slice(1).replace("/", "__")} --registry=https://npm.jsr.io", then import "${name}".`;
    }
    if (kind === "node") return `Node.js ${process.versions.node} has no module "${specifier}".`;
    return `Modules are not loaded from the network: save ${specifier} as a file beside the notebook and import that, or install its package with %npm install.`;
  }
  if (/^[./#]/.test(specifier) || /^[A-Za-z]:/.test(specifier)) return undefined;
  return `There is no package "${packageOf(specifier)}" here: "%npm install ${packageOf(specifier)}" installs it.`;
}

/** What to do about JSX that nothing is said about. */
export const JSX_ADVICE =
  'JSX needs to be told what it makes: "jsx": "react-jsx" in the compilerOptions of tsconfig.json beside the notebook, or /** @jsxImportSource react */ at the top of the cell.';

/** A complaint of the compiler with what helps. */
export function advice(code: number, message: string): string {
  if (code === 2307 || code === 2792) {
    const specifier = /^Cannot find module '([^']+)'/.exec(message)?.[1];
    const help = specifier === undefined ? undefined : moduleAdvice(specifier);
    return help ?? message.replace(/ or its corresponding type declarations\.[\s\S]*/, ".");
  }
  const name = /^Cannot find name '([^']+)'/.exec(message)?.[1];
  if (name === "Deno") return `${message} This kernel runs Node.js: display(…) shows values, node:fs reads files.`;
  if (name === "$$" || name === "$")
    return `${message} Cells run in Node.js, without a page: %%html shows one, and "!command" runs a program.`;
  return message;
}
