/** The decision on CUDA, on machines made of shell scripts: which driver, which toolkits, what PHI3LAB_CUDA says. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ended, root, Sandbox } from "./sandbox";

interface Decision {
  built: boolean;
  nvcc: string;
  version: string;
  architectures: string[];
  flags: string;
}

describe("set-up's decision on CUDA", function () {
  this.timeout(60_000);
  let sandbox: Sandbox;
  let machine: string;

  beforeEach(function () {
    if (process.platform !== "linux") this.skip();
    sandbox = new Sandbox();
    machine = join(sandbox.path, "machine");
    // The files that a real machine keeps at fixed places are looked for in a folder of the test's own.
    const script = readFileSync(join(root, "scripts/setup/toolkit.mjs"), "utf8");
    const moved = script.replace(/"(\/(?:usr|etc|proc|lib)[^"]*)"/g, (_, path) => JSON.stringify(machine + path));
    assert.notEqual(moved, script);
    sandbox.write("scripts/setup/toolkit.mjs", moved);
    sandbox.write("requirements-cuda.txt", readFileSync(join(root, "requirements-cuda.txt"), "utf8"));
    mkdirSync(sandbox.programs);
  });
  afterEach(() => sandbox?.remove());

  function script(path: string, text: string): string {
    sandbox.write(path, `#!/bin/sh\n${text}\n`);
    chmodSync(join(sandbox.path, path), 0o755);
    return join(sandbox.path, path);
  }
  const architectures = (newest: number) => [75, 80, 86, 87, 89, 90, 100, 103, 120, 121].filter((one) => one <= newest);

  /** An nvcc that answers, and compiles what it is given or says why not. */
  function nvcc(path: string, version: string, { newest = 121, refuses = "" } = {}): string {
    const list = architectures(newest).map((one) => `compute_${one}`);
    const compile = refuses === "" ? "exit 0" : `echo "${refuses}" >&2; exit 1`;
    return script(
      path,
      `case "$1" in --version) echo "Cuda compilation tools, release ${version}, V${version}.99";;
       --list-gpu-arch) printf '${list.join("\\n")}\\n';; *) ${compile};; esac`,
    );
  }

  /** A driver with its GPUs; without `smi` only the kernel's word of it. */
  function driver(version: string, cuda: string, gpus: string[], { smi = true } = {}): void {
    sandbox.write("machine/usr/lib/libcuda.so.1", version);
    sandbox.write(
      "machine/proc/driver/nvidia/version",
      `NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${version}  Mon`,
    );
    if (!smi) return;
    const list = gpus.map((gpu) => `echo "${gpu}"`).join("; ");
    sandbox.program(
      "nvidia-smi",
      `case "$1" in -L) ;; --query*) ${list};; *) echo "| Driver Version: ${version}     CUDA Version: ${cuda}     |";; esac`,
    );
  }
  const h100 = "9.0, NVIDIA H100 80GB HBM3";

  /** What a script that uses cuda.mjs prints, with the test's programs alone on PATH. */
  async function use(code: string, env: NodeJS.ProcessEnv = {}) {
    const module = pathToFileURL(join(sandbox.path, "scripts/setup/cuda.mjs")).href;
    const program = `import(${JSON.stringify(module)}).then(async (cuda) => { ${code} }).catch((error) => {
      console.log(error.message); process.exitCode = 1; });`;
    const more = { PATH: sandbox.programs, LD_LIBRARY_PATH: undefined, CXX: undefined, ...env };
    const { output } = await ended(spawn(process.execPath, ["-e", program], { env: sandbox.environment(more) }));
    return output;
  }
  /** The decision, and what was said. */
  async function decide(env: NodeJS.ProcessEnv = {}): Promise<{ decision?: Decision; said: string }> {
    const said = await use(
      `const decision = await cuda.decideCuda({ context: { say: console.log } });
       cuda.sayCuda(decision, console.log);
       console.log("decided " + JSON.stringify(decision));`,
      env,
    );
    const found = said.match(/^decided (.*)\n/m);
    return { decision: found ? JSON.parse(found[1] as string) : undefined, said: said.replace(/^decided .*\n/m, "") };
  }

  it("looks for nothing and says nothing where there is no driver, and where it is off", async () => {
    nvcc("programs/nvcc", "13.0");
    assert.deepEqual(await decide(), { decision: { built: false }, said: "" });
    driver("580.65.06", "13.0", [h100]);
    assert.deepEqual(await decide({ PHI3LAB_CUDA: "off" }), { decision: { built: false }, said: "" });
  });

  it("takes the toolkit on PATH for the GPUs that are there, and says which", async () => {
    driver("580.65.06", "13.0", [h100, h100, "8.6, NVIDIA A10"]);
    const path = nvcc("programs/nvcc", "13.0");
    const { decision, said } = await decide();
    const all = { built: true, nvcc: path, version: "13.0", architectures: ["86-real", "90a-real"], flags: "" };
    assert.deepEqual(decision, all);
    assert.equal(said, `the addon is built with CUDA 13.0 (${path}) for 86-real 90a-real\n`);
  });

  it("compiles for everything where the GPU is not known, as far as the toolkit knows it", async () => {
    driver("580.65.06", "13.0", [], { smi: false });
    const path = nvcc("toolkit/bin/nvcc", "13.0");
    const release = ["75-real", "80-real", "86-real", "89-real", "90a-real", "100-real", "120-real", "120-virtual"];
    assert.deepEqual((await decide({ CUDACXX: path })).decision?.architectures, release);
    nvcc("toolkit/bin/nvcc", "12.4", { newest: 90 });
    const { decision } = await decide({ CUDACXX: path });
    assert.deepEqual(decision?.architectures, [...release.slice(0, 5), "90-virtual"]);
  });

  it("takes PTX of the newest architecture for a GPU that is newer than the toolkit", async () => {
    driver("580.65.06", "13.0", ["12.0, NVIDIA GeForce RTX 5090"]);
    nvcc("programs/nvcc", "12.4", { newest: 90 });
    assert.deepEqual((await decide()).decision?.architectures, ["90-virtual"]);
  });

  it("compiles for what PHI3LAB_CUDA_ARCHITECTURES names", async () => {
    driver("580.65.06", "13.0", [h100]);
    nvcc("programs/nvcc", "13.0");
    const { decision } = await decide({ PHI3LAB_CUDA_ARCHITECTURES: "80-real;90-virtual" });
    assert.deepEqual(decision?.architectures, ["80-real", "90-virtual"]);
  });

  it("takes the newest toolkit that the driver supports, of CUDA_HOME, PATH and /usr/local", async () => {
    driver("550.54.15", "12.4", [h100]);
    nvcc("home/bin/nvcc", "13.0");
    nvcc("programs/nvcc", "12.4");
    const local = nvcc("machine/usr/local/cuda-12.6/bin/nvcc", "12.6");
    const env = { CUDA_HOME: join(sandbox.path, "home") };
    assert.equal((await decide(env)).decision?.nvcc, local);
    driver("580.65.06", "13.0", [h100]);
    assert.equal((await decide(env)).decision?.nvcc, join(sandbox.path, "home/bin/nvcc"));
  });

  it("takes the toolkit that CUDACXX names and no other, and says when it does not run", async () => {
    driver("580.65.06", "13.0", [h100]);
    nvcc("programs/nvcc", "13.0");
    const named = nvcc("named/bin/nvcc", "12.8");
    assert.equal((await decide({ CUDACXX: named })).decision?.nvcc, named);
    const { decision, said } = await decide({ CUDACXX: "/nowhere/nvcc" });
    assert.equal(decision?.built, false);
    assert.equal(said, "CUDACXX=/nowhere/nvcc does not run. The addon is built for the CPU alone.\n");
  });

  it("says both versions where the driver is too old for what it could install, and builds for the CPU", async () => {
    for (const smi of [true, false]) {
      driver("535.104.05", "12.2", [h100], { smi });
      const { decision, said } = await decide();
      assert.equal(decision?.built, false);
      const supports = smi ? "12.2" : "12";
      assert.ok(said.startsWith(`The NVIDIA driver 535.104.05 supports CUDA ${supports}. `), said);
      assert.match(said, /set-up can install is CUDA 13\.0, which needs driver 580 or later/);
      assert.match(said, /a CUDA toolkit from 12\.4 to 12\.x\. The addon is built for the CPU alone\.\n$/);
      rmSync(join(sandbox.programs, "nvidia-smi"), { force: true });
    }
  });

  it("names toolkits that are too old or too new, and GPUs that are too old", async () => {
    driver("550.54.15", "12.4", [h100]);
    const old = nvcc("programs/nvcc", "11.8");
    const young = nvcc("machine/usr/local/cuda/bin/nvcc", "13.1");
    const { said } = await decide();
    assert.ok(said.includes(`CUDA 11.8 (${old}) is too old: 12.4 or later is needed.`), said);
    assert.ok(said.includes(`CUDA 13.1 (${young}) is too new for this driver.`), said);
    driver("550.54.15", "12.4", ["6.1, NVIDIA GeForce GTX 1080"]);
    assert.match((await decide()).said, /The GPU \(NVIDIA GeForce GTX 1080\) is older than capability 7\.5/);
  });

  /** pip of a .venv whose Python is a script: it makes the nvcc, and counts its runs. */
  function pip(): () => string[] {
    const made = nvcc("made/nvcc", "13.0");
    const calls = join(sandbox.path, "pip-calls");
    script(
      ".venv/bin/python",
      `PATH=/usr/bin:/bin; echo "$@" >> "${calls}"
       while [ "$1" != "--target" ]; do shift; done
       mkdir -p "$2/nvidia/cu13/bin" "$2/nvidia/cu13/lib"; cp "${made}" "$2/nvidia/cu13/bin/nvcc"
       touch "$2/nvidia/cu13/lib/libcudart_static.a"`,
    );
    return () => (existsSync(calls) ? readFileSync(calls, "utf8").trimEnd().split("\n") : []);
  }

  it("installs nvcc into .venv where there is a driver for it and no toolkit, once", async () => {
    driver("580.65.06", "13.0", [h100]);
    const calls = pip();
    const { decision, said } = await decide();
    const home = join(sandbox.path, ".venv/cuda/nvidia/cu13");
    const all = { built: true, nvcc: join(home, "bin/nvcc"), version: "13.0", architectures: ["90a-real"] };
    assert.deepEqual(decision, { ...all, flags: `-L${join(home, "lib")}` });
    assert.match(said, /installing nvcc 13\.0 from the Python package index into \.venv \(105 MB\)/);
    await decide();
    assert.equal(calls().length, 1);
    assert.match(String(calls()[0]), /pip install .*--no-deps .*-r .*requirements-cuda\.txt$/);
  });

  it("does so without any driver when PHI3LAB_CUDA=on, and takes a toolkit that is newer than the driver", async () => {
    const calls = pip();
    const { decision } = await decide({ PHI3LAB_CUDA: "on" });
    assert.equal(decision?.architectures.at(-1), "120-virtual");
    assert.equal(calls().length, 1);
    driver("550.54.15", "12.4", [h100]);
    const young = nvcc("programs/nvcc", "13.1");
    assert.equal((await decide({ PHI3LAB_CUDA: "on" })).decision?.nvcc, young);
  });

  it("builds for the CPU when the toolkit cannot compile here, and says why; with PHI3LAB_CUDA=on that is an error", async () => {
    driver("580.65.06", "13.0", [h100]);
    nvcc("programs/nvcc", "13.0", { refuses: "error: unsupported GNU version! gcc versions later than 15" });
    const { decision, said } = await decide();
    assert.equal(decision?.built, false);
    assert.match(said, /does not compile here:\n.*\n *\| error: unsupported GNU version!/);
    assert.match(said, /The addon is built for the CPU alone/);
    const insisted = await decide({ PHI3LAB_CUDA: "on" });
    assert.equal(insisted.decision, undefined);
    assert.match(insisted.said, /unsupported GNU version!/);
  });

  it("refuses a PHI3LAB_CUDA that is none of on, off and auto", async () => {
    const { said } = await decide({ PHI3LAB_CUDA: "yes" });
    assert.equal(said, "Expected on, off or auto for PHI3LAB_CUDA but received yes.\n");
  });

  it("keeps the decision until something that it follows from has changed", async () => {
    const step = 'await cuda.cudaStep.run({ say: () => {} }); console.log("ran");';
    const done = "console.log(cuda.cudaStep.done(), cuda.cudaDecision().built);";
    assert.equal(await use(done), "true false\n");
    driver("580.65.06", "13.0", [h100]);
    assert.equal(await use(done), "false false\n");
    nvcc("programs/nvcc", "13.0");
    assert.equal(await use(step), "ran\n");
    assert.equal(await use(done), "true true\n");
    assert.equal(await use(done, { PHI3LAB_CUDA: "off" }), "true false\n");
    assert.equal(await use(done, { PHI3LAB_CUDA_ARCHITECTURES: "80-real" }), "false false\n");
    driver("595.10.01", "13.1", [h100]);
    assert.equal(await use(done), "false false\n");
    await use(step);
    nvcc("programs/nvcc", "13.0.1");
    assert.equal(await use(done), "false false\n");
    rmSync(join(machine, "usr/lib/libcuda.so.1"));
    assert.equal(await use(done), "true false\n");
  });
});
