/**
 * Run by `node --build-snapshot`, which gives it built-in modules alone and cannot keep what its own loader has loaded: so
 * this is a loader of CommonJS in a few lines, and it is a script, not a module.
 */
{
  const fs = require("node:fs") as typeof import("node:fs");
  const path = require("node:path") as typeof import("node:path");
  const builtin = require;
  const modules = new Map<string, { exports: unknown }>();

  /** The file of a package that is asked for by its name, found as Node.js finds it. */
  const packageFile = (name: string, folder: string): string => {
    const place = path.join(folder, "node_modules", name);
    if (!fs.existsSync(place)) return packageFile(name, path.dirname(folder));
    const { main } = JSON.parse(fs.readFileSync(path.join(place, "package.json"), "utf8")) as { main: string };
    return path.join(place, main);
  };
  const load = (file: string): unknown => {
    const known = modules.get(file);
    if (known) return known.exports;
    const module = { exports: {} };
    modules.set(file, module);
    const folder = path.dirname(file);
    const resolve = (name: string): string =>
      name.startsWith(".")
        ? path.resolve(folder, name.endsWith(".js") ? name : `${name}.js`)
        : packageFile(name, folder);
    const isBuiltin = (name: string): boolean => /^(?:node:|[a-z_/]+$)/.test(name) && name !== "typescript";
    const get = (name: string): unknown => (isBuiltin(name) ? builtin(name) : load(resolve(name)));
    const text = fs.readFileSync(file, "utf8");
    const code = `(function(exports,require,module,__filename,__dirname){${text}\n})\n//# sourceURL=${file}`;
    // biome-ignore lint/security/noGlobalEval: the code is this package's own, and TypeScript.
    // biome-ignore lint/complexity/noCommaOperator: evaluated as a global script.
    const run = (0, eval)(code) as (...args: unknown[]) => void;
    run(module.exports, Object.assign(get, { resolve }), module, file, folder);
    return module.exports;
  };

  const compiler = load(path.join(__dirname, "process.js")) as typeof import("./process");
  const { startupSnapshot } = require("node:v8") as typeof import("node:v8");
  void compiler.prepare().then((documents) => {
    startupSnapshot.setDeserializeMainFunction(() => compiler.start(documents));
  });
}
