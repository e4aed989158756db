/** `npm start`: what a reader finds who has done nothing yet but type it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";
import { findChromium } from "../jupyterlab/chromium";
import { cleanEnvironment, ended, type Result, root } from "./sandbox";

const chapter = "notebooks/looking_inside_transformers.ipynb";
const notice = "@jupyterlab/apputils-extension:notification";

interface Notebook {
  cells: { cell_type: string; metadata: { trusted?: boolean }; outputs?: object[] }[];
}

describe("npm start", function () {
  this.timeout(90_000);
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-start-"));
  const at = (name: string) => join(folder, name);
  let [address, child, result] = [""] as unknown as [string, ChildProcess, Promise<Result>];

  async function ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${address}/${path}`, { headers: { authorization: "token t" } });
    return (await answer.json()) as T;
  }

  before(async () => {
    const port = await new Promise<number>((done) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { port: number };
        server.close(() => done(port));
      });
    });
    address = `http://127.0.0.1:${port}`;
    // A reader's own settings.
    mkdirSync(at("config/labconfig"), { recursive: true });
    writeFileSync(
      at("config/labconfig/default_setting_overrides.json"),
      JSON.stringify({ "@jupyterlab/apputils-extension:themes": { theme: "JupyterLab Dark" } }),
    );
    const args = ["--ip=127.0.0.1", `--port=${port}`, "--ServerApp.port_retries=0", "--IdentityProvider.token=t"];
    child = spawn(process.execPath, [join(root, "scripts/start.mjs"), ...args], {
      env: cleanEnvironment({
        PHI3LAB_NO_BROWSER: "1",
        JUPYTER_RUNTIME_DIR: at("runtime"),
        JUPYTER_DATA_DIR: at("data"),
        JUPYTER_CONFIG_DIR: at("config"),
        JUPYTERLAB_SETTINGS_DIR: at("settings"),
        JUPYTERLAB_WORKSPACES_DIR: at("workspaces"),
      }),
    });
    result = ended(child);
    while (child.exitCode === null && !(await ask("api/status").catch(() => undefined))) await pause(100);
    if (child.exitCode !== null) throw new Error((await result).output);
  });

  after(async () => {
    child?.kill("SIGTERM");
    await result;
    rmSync(folder, { recursive: true, force: true });
  });

  it("serves the notebooks with the kernel phi3lab, under its own logo", async () => {
    const { kernelspecs } = await ask<{
      kernelspecs: Record<string, { spec: { argv: string[] }; resources: Record<string, string> }>;
    }>("api/kernelspecs");
    const { phi3lab } = kernelspecs;
    assert(phi3lab, "the kernel is known");
    assert.ok(phi3lab.spec.argv.includes(join(root, "dist/kernel/main.js")));
    assert.equal((await ask<{ type: string }>("api/contents/notebooks")).type, "directory");
    for (const name of ["logo-svg.svg", "logo-32x32.png", "logo-64x64.png"]) {
      const path = phi3lab.resources[name.slice(0, -4)];
      const answer = await fetch(`${address}${path}`, { headers: { authorization: "token t" } });
      assert.deepEqual(
        Buffer.from(await answer.arrayBuffer()),
        readFileSync(join(root, "kernel", "kernelspec", name)),
        name,
      );
    }
  });

  it("has the chapter trusted as it was committed, and a changed copy not", async () => {
    mkdirSync(join(root, "out"), { recursive: true });
    const copies = mkdtempSync(join(root, "out", "copies-"));
    try {
      const source = JSON.parse(readFileSync(join(root, chapter), "utf8")) as Notebook;
      source.cells
        .find(({ outputs }) => outputs?.length)
        ?.outputs?.push({
          output_type: "display_data",
          metadata: {},
          data: { "text/html": "<script>alert('mine')</script>" },
        });
      writeFileSync(join(copies, "changed.ipynb"), JSON.stringify(source));
      const trust = async (path: string) => {
        const { content } = await ask<{ content: Notebook }>(`api/contents/${path}`);
        const code = content.cells.filter(({ cell_type }) => cell_type === "code");
        return new Set(code.map(({ metadata }) => metadata.trusted));
      };
      assert.deepEqual(await trust(chapter), new Set([true]));
      assert.deepEqual(await trust(`${copies.slice(root.length + 1)}/changed.ipynb`), new Set([false]));
    } finally {
      rmSync(copies, { recursive: true });
    }
  });

  it("does not offer JupyterLab's news, and leaves a reader's own settings to count", async () => {
    const setting = async (id: string) => {
      const { schema } = await ask<{ schema: { properties: Record<string, { default: unknown }> } }>(
        `lab/api/settings/${id}`,
      );
      return schema.properties;
    };
    const { fetchNews, checkForUpdates } = await setting(notice);
    assert.deepEqual([fetchNews?.default, checkForUpdates?.default], ["false", false]);
    assert.equal((await setting("@jupyterlab/apputils-extension:themes")).theme?.default, "JupyterLab Dark");
  });

  it("shows the chapter first, trusted, and asks its reader nothing", async function () {
    const executablePath = findChromium();
    if (!executablePath) {
      console.log("      skipped: no Chromium found; apt-get install chromium, or name one in PHI3LAB_CHROMIUM");
      return this.skip();
    }
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      await page.goto(`${address}/?token=t`);
      await page.locator(".jp-NotebookPanel .jp-RenderedPlotly").first().waitFor({ state: "attached" });
      await page.locator('#jp-main-statusbar [title^="Notebook trusted"]').waitFor();
      // Long enough for what JupyterLab asks once it has come up.
      await pause(3_000);
      if (process.env.PHI3LAB_SCREENSHOTS)
        await page.screenshot({ path: join(process.env.PHI3LAB_SCREENSHOTS, "start.png") });
      assert.deepEqual(await page.locator(".jp-Dialog, .Toastify__toast").allTextContents(), []);
    } finally {
      await browser.close();
    }
  });

  it("signs in a place of its own: nothing of it is among the reader's Jupyter data", () => {
    const names = readdirSync(folder, { recursive: true }).map(String);
    assert.deepEqual(
      names.filter((name) => /nbsignatures|notebook_secret/.test(name)),
      [],
    );
  });

  it("says the chapter's address and no warning, and ends when it is told to", async () => {
    child.kill("SIGTERM");
    const { output } = await result;
    assert.doesNotMatch(output, /unrecognized|Running as root is not recommended|Config option .* not recognized/i);
    assert.match(output, /\/lab\/tree\/notebooks\/looking_inside_transformers\.ipynb/);
  });
});

describe("the signing of notebooks", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-trust-"));
  after(() => rmSync(folder, { recursive: true }));

  it("is of those that its list names, unchanged; of none that was changed or added", async () => {
    const { sums, trustNotebooks } = await import("../../scripts/start/trust.mjs");
    const write = (name: string, source: string) =>
      writeFileSync(
        join(folder, name),
        JSON.stringify({
          cells: [{ cell_type: "code", id: "a", metadata: {}, execution_count: null, outputs: [], source }],
          metadata: {},
          nbformat: 4,
          nbformat_minor: 5,
        }),
      );
    for (const name of ["ours", "changed", "gone"]) write(`${name}.ipynb`, name);
    const list = join(folder, "list.sha256");
    writeFileSync(list, sums(["changed.ipynb", "gone.ipynb", "ours.ipynb"], folder).join("\n"));
    write("changed.ipynb", "changed by a reader");
    write("added.ipynb", "added by a reader");
    rmSync(join(folder, "gone.ipynb"));
    const place = join(folder, "signatures");
    const args: string[] = trustNotebooks({ notebooks: list, folder, place });
    const names = ["added", "changed", "ours"].map((name) => join(folder, `${name}.ipynb`));
    const program = join(root, ".venv", "bin", "jupyter-trust");
    const { stdout } = spawnSync(program, [...args, ...names], { encoding: "utf8" });
    assert.deepEqual(stdout.trim().split("\n"), [
      `Signing notebook: ${names[0]}`,
      `Signing notebook: ${names[1]}`,
      `Notebook already signed: ${names[2]}`,
    ]);
  });
});
