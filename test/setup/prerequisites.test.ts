/** Each prerequisite taken away in turn: what set-up says, and that it leaves nothing half done. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { cleanEnvironment, ended, Sandbox } from "./sandbox";

describe("set-up on a machine that lacks something", function () {
  this.timeout(60_000);
  let sandbox: Sandbox;

  beforeEach(() => {
    sandbox = new Sandbox();
    mkdirSync(sandbox.programs);
  });
  afterEach(() => sandbox.remove());

  /** PATH holds the test's own programs and nothing else. */
  const bare = (more: NodeJS.ProcessEnv = {}) => ({ PATH: sandbox.programs, CXX: undefined, ...more });
  const fakePython = (version: string, venv: boolean, name = "python3") =>
    sandbox.program(name, `echo /fake/${name}; echo ${version}; echo ${venv ? "True" : "False"}`);
  const nothingBegun = () => {
    for (const name of ["node_modules", ".venv", "dist", "build-addon"]) {
      assert.ok(!existsSync(join(sandbox.path, name)), `${name} was made`);
    }
  };

  it("says that Node is too old, which one it is, and where to get another", async () => {
    sandbox.write(
      "old.cjs",
      'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.18.3" } });',
    );
    const { code, output } = await sandbox.run([], { node: ["--require", join(sandbox.path, "old.cjs")] });
    assert.equal(code, 1);
    assert.match(output, /Node 20\.19 or later is needed, and this is Node 20\.18\.3/);
    assert.match(output, /https:\/\/nodejs\.org/);
    nothingBegun();
  });

  it("says on Windows that it runs in WSL, and how to get that, before it looks for anything else", async () => {
    sandbox.write("windows.cjs", 'Object.defineProperty(process, "platform", { value: "win32" });');
    const sentence =
      "phi3lab runs on Linux and macOS, and on Windows inside WSL (wsl --install brings it): run the same command there.\n";
    for (const [command, name] of [
      [["scripts/setup.mjs"], "\nset-up"],
      [["scripts/start.mjs"], "\nset-up"],
      [["scripts/cli.mjs", "build"], "phi3lab"],
    ] as const) {
      const options = { cwd: sandbox.path, env: sandbox.environment(bare()) };
      const { code, output } = await ended(
        spawn(process.execPath, ["--require", "./windows.cjs", ...command], options),
      );
      assert.equal(output, `${name}: ${sentence}`);
      assert.equal(code, 1);
    }
    nothingBegun();
  });

  it("says that there is no Python, before it begins anything", async () => {
    const { code, output } = await sandbox.run(["packages", "python"], { env: bare() });
    assert.equal(code, 1);
    assert.match(output, /Python 3\.10 or later is needed for JupyterLab, and none was found/);
    assert.match(output, /Install it with|Install it with your/);
    assert.match(output, /PHI3LAB_PYTHON=/);
    nothingBegun();
  });

  it("says that Python is too old and which it found", async () => {
    fakePython("3.9.18", true);
    const { code, output } = await sandbox.run(["python"], { env: bare() });
    assert.equal(code, 1);
    assert.match(output, /Python 3\.10 or later is needed for JupyterLab: \/fake\/python3 is Python 3\.9\.18/);
    nothingBegun();
  });

  it("says that Python comes without venv, with the package that has it", async () => {
    fakePython("3.11.2", false);
    const { code, output } = await sandbox.run(["python"], { env: bare() });
    assert.equal(code, 1);
    assert.match(output, /Python's venv module is needed, and \/fake\/python3 \(Python 3\.11\.2\) comes without it/);
    nothingBegun();
  });

  it("takes a recent Python under another name where python3 is too old", async () => {
    fakePython("3.8.1", true);
    const real = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).stdout.trim();
    symlinkSync(real, join(sandbox.programs, "python3.12"));
    sandbox.write("requirements.txt", "");
    // No package brings `jupyter` here, so the step is never done; that it made .venv is what counts.
    const { output } = await sandbox.run(["python"], { env: bare({ PATH: `${sandbox.programs}:/usr/bin:/bin` }) });
    assert.doesNotMatch(output, /is needed/);
    assert.ok(existsSync(join(sandbox.path, ".venv", "pyvenv.cfg")));
  });

  it("says that PHI3LAB_PYTHON does not run, and looks no further", async () => {
    fakePython("3.12.1", true);
    const { code, output } = await sandbox.run(["python"], { env: bare({ PHI3LAB_PYTHON: "/nowhere/python" }) });
    assert.equal(code, 1);
    assert.match(output, /PHI3LAB_PYTHON=\/nowhere\/python does not run/);
  });

  it("says that there is no C++ compiler, with the command that brings one, before it begins anything", async () => {
    fakePython("3.12.1", true);
    const { code, output } = await sandbox.run(["addon"], { env: bare() });
    assert.equal(code, 1);
    assert.match(output, /A C\+\+ compiler is needed to build the addon, and none was found/);
    assert.match(output, /Install (one with:|g\+\+)/);
    nothingBegun();
  });

  it("says that the compiler is too old, in the compiler's own words", async () => {
    fakePython("3.12.1", true);
    sandbox.program("c++", "echo \"c++: error: unrecognized command line option '-std=c++20'\" >&2; exit 1");
    const { code, output } = await sandbox.run(["addon"], { env: bare() });
    assert.equal(code, 1);
    assert.match(output, /c\+\+ cannot compile C\+\+20: c\+\+: error: unrecognized command line option '-std=c\+\+20'/);
  });

  it("names everything that is missing at once", async () => {
    const { output } = await sandbox.run([], { env: bare() });
    assert.match(output, /A C\+\+ compiler is needed/);
    assert.match(output, /Python 3\.10 or later is needed/);
  });

  it("says that the registries cannot be reached, and that what is finished stays", async () => {
    const nowhere = "http://127.0.0.1:1";
    const { code, output } = await sandbox.run(["packages", "python"], {
      env: {
        npm_config_registry: nowhere,
        npm_config_cache: join(sandbox.path, "empty-cache"),
        npm_config_fetch_retries: "0",
        PIP_INDEX_URL: `${nowhere}/simple`,
        PIP_FIND_LINKS: "",
        PIP_NO_CACHE_DIR: "1",
        PIP_RETRIES: "1",
        NO_PROXY: "127.0.0.1",
      },
    });
    assert.equal(code, 1);
    assert.match(output, /The npm registry could not be reached over the network/);
    assert.match(output, /The Python package index could not be reached over the network/);
    assert.match(output, /HTTPS_PROXY/);
    assert.match(output, /what is finished stays finished/);
  });

  it("says so too when a registry hangs up in the middle of an answer", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("{");
      setTimeout(() => response.destroy(), 20);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    try {
      const { code, output } = await sandbox.run(["packages"], {
        env: {
          npm_config_registry: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          npm_config_cache: join(sandbox.path, "empty-cache"),
          npm_config_fetch_retries: "0",
          NO_PROXY: "127.0.0.1",
        },
      });
      assert.equal(code, 1);
      assert.match(output, /The npm registry could not be reached over the network/);
    } finally {
      server.close();
    }
  });

  it("says that the disk is full, before and in the middle of the work", async function () {
    const possible = spawnSync("unshare", ["-rm", "true"]).status === 0;
    if (!possible) {
      console.log("      skipped: needs `unshare -rm` (Linux with user namespaces) to make a small disk");
      this.skip();
    }
    // A disk of 1 MB in a mount namespace of its own, the checkout's scripts and TypeScript on it; then fill it.
    mkdirSync(join(sandbox.path, "disk"));
    const script = `
      set -e
      mount -t tmpfs -o size=1m tmpfs disk
      cp -r scripts src kernel package.json package-lock.json requirements.txt tsconfig.json disk/
      "$0" disk/scripts/setup.mjs packages python || echo "first: $?"
      ln -s "$1" disk/node_modules
      cp disk/node_modules/.package-lock.json disk/package-lock.json
      mkdir -p disk/.cache/setup
      head -c 2000000 /dev/zero > disk/filler || true
      "$0" disk/scripts/setup.mjs typescript || echo "second: $?"`;
    const modules = join(__dirname, "../../node_modules");
    const { output } = await ended(
      spawn("unshare", ["-rm", "sh", "-c", script, process.execPath, modules], {
        cwd: sandbox.path,
        env: cleanEnvironment(),
      }),
    );
    const [before, middle] = output.split("first: 1");
    for (const part of [before, middle]) assert.match(part ?? "", /The disk is full: 0\.0 GB free at /);
    assert.match(middle ?? "", /typescript: failed/);
    assert.match(output, /second: 1/);
    assert.deepEqual(readdirSync(join(sandbox.path, "disk")), []);
  });

  it("knows npm's and pip's own words for a full disk", async () => {
    const { recognise } = await import("../../scripts/setup/problem.mjs");
    for (const words of [
      "npm error code ENOSPC\nnpm error syscall write\nnpm error nospc There appears to be insufficient space",
      "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
      "[Errno 122] Disk quota exceeded",
    ]) {
      assert.match(recognise(words)?.message ?? "", /The disk is full/);
    }
    assert.equal(recognise("error TS2322: Type 'string' is not assignable to type 'number'."), undefined);
  });

  it("has the command that helps for Debian, Fedora, macOS and others", async () => {
    const { problems } = await import("../../scripts/setup/problem.mjs");
    const made = {
      debian: [/apt-get install -y g\+\+/, /apt-get install -y python3 python3-venv/, /python3\.12-venv/],
      fedora: [/dnf install -y gcc-c\+\+/, /dnf install -y python3/, /dnf install/],
      macos: [/xcode-select --install/, /brew install python/, /brew install python/],
      other: [/package manager/, /python\.org/, /package manager/],
    };
    for (const [name, [compiler, python, venv]] of Object.entries(made)) {
      assert.match(problems.compiler(undefined, name).message, compiler!);
      assert.match(problems.python(undefined, name).message, python!);
      assert.match(problems.venv("/usr/bin/python3", "3.12.1", name).message, venv!);
    }
  });
});
