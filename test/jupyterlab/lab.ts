/**
 * A real JupyterLab, which serves Notebook 7 too, in a real Chromium for tests: starts both with folders of their own,
 * opens notebooks, runs cells, and reads what is on the screen.
 */
import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { findChromium } from "./chromium";

export const root = resolve(__dirname, "../..");
const bin = join(root, ".venv", "bin");

/** One output of a cell, as nbformat has it. */
export interface Output {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: Record<string, unknown>;
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

/** All text of a cell's outputs: streams, plain texts and errors. */
export function outputText(outputs: Output[]): string {
  return outputs
    .map((output) => {
      const text = output.text ?? output.data?.["text/plain"] ?? [output.ename, output.evalue].join(": ");
      return Array.isArray(text) ? text.join("") : String(text);
    })
    .map(stripVTControlCharacters)
    .join("\n");
}

async function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

export type FrontEnd = "JupyterLab" | "Notebook 7";

export interface LabOptions {
  /** Served as the root; default: a new temporary folder. */
  folder?: string;
  /** JupyterLab as it comes, without extensions: nothing renders plotly's MIME type. */
  withoutExtensions?: boolean;
}

export class Lab {
  private constructor(
    readonly url: string,
    readonly folder: string,
    /** The folder above everything that this server reads and writes. */
    readonly home: string,
    private readonly server: ChildProcess,
    private readonly browser: Browser,
    private readonly log: string[],
  ) {}

  static async start(options: LabOptions = {}): Promise<Lab> {
    const home = mkdtempSync(join(tmpdir(), "phi3lab-lab-"));
    const folder = options.folder ?? join(home, "notebooks");
    const config = join(home, "config");
    for (const name of ["notebooks", "config/labconfig", "data", "runtime", "settings", "workspaces"])
      mkdirSync(join(home, name), { recursive: true });
    const quiet = { fetchNews: "false", checkForUpdates: false };
    writeFileSync(
      join(config, "labconfig", "default_setting_overrides.json"),
      JSON.stringify({ "@jupyterlab/apputils-extension:notification": quiet }),
    );
    const port = await freePort();
    const log: string[] = [];
    const server = spawn(
      join(bin, "jupyter"),
      [
        "lab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        `--port=${port}`,
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        `--ServerApp.root_dir=${folder}`,
        "--expose-app-in-browser",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--ServerApp.terminals_enabled=False",
        "--ServerApp.iopub_data_rate_limit=1e9",
        "--ServerApp.iopub_msg_rate_limit=1e6",
        ...(options.withoutExtensions ? [`--LabApp.labextensions_path=${join(home, "none")}`] : []),
      ],
      {
        env: {
          ...process.env,
          PATH: `${bin}${delimiter}${process.env.PATH}`,
          JUPYTER_CONFIG_DIR: config,
          JUPYTER_DATA_DIR: join(home, "data"),
          JUPYTER_RUNTIME_DIR: join(home, "runtime"),
          JUPYTERLAB_SETTINGS_DIR: join(home, "settings"),
          JUPYTERLAB_WORKSPACES_DIR: join(home, "workspaces"),
        },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    for (const stream of [server.stdout, server.stderr]) stream.on("data", (data) => log.push(String(data)));
    const url = `http://127.0.0.1:${port}`;
    const deadline = Date.now() + 60_000;
    for (;;) {
      const answer = await fetch(`${url}/api/status`).catch(() => undefined);
      if (answer?.ok) break;
      if (Date.now() > deadline || server.exitCode !== null)
        throw new Error(`JupyterLab did not start:\n${log.join("")}`);
      await new Promise((done) => setTimeout(done, 200));
    }
    const browser = await chromium.launch({
      executablePath: findChromium(),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    return new Lab(url, folder, home, server, browser, log);
  }

  /** Writes a notebook of code cells into the served folder. */
  writeNotebook(name: string, sources: string[]): void {
    const cells = sources.map((source, i) => ({
      cell_type: "code",
      id: `cell-${i}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    }));
    const kernelspec = { name: "phi3lab", display_name: "TypeScript (phi3lab)", language: "typescript" };
    writeFileSync(
      join(this.folder, name),
      JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }),
    );
  }

  /** Opens a notebook in a new page, of JupyterLab or of Notebook 7, and waits until its kernel answers. */
  async open(name: string, frontEnd: FrontEnd = "JupyterLab"): Promise<NotebookPage> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 1000 } });
    const page = await context.newPage();
    const path = frontEnd === "JupyterLab" ? `lab/tree/${name}?reset` : `notebooks/${name}`;
    await page.goto(`${this.url}/${path}`);
    const notebook = new NotebookPage(page);
    await notebook.ready();
    return notebook;
  }

  /** The server's log so far. */
  get serverLog(): string {
    return this.log.join("");
  }

  async stop(): Promise<void> {
    await this.browser.close();
    const ended = new Promise((done) => this.server.once("exit", done));
    this.server.kill("SIGINT");
    this.server.kill("SIGTERM");
    await ended;
    rmSync(this.home, { recursive: true, force: true });
  }
}

/* The page's own objects, seen from inside the browser. */
// biome-ignore lint/suspicious/noExplicitAny: JupyterLab's application object has no types here
declare const jupyterapp: any;
interface Ran {
  model: { type: string; executionCount?: number };
}

export class NotebookPage {
  constructor(readonly page: Page) {}

  /** Waits until the notebook is loaded and its kernel idle. */
  async ready(): Promise<void> {
    await this.page.waitForFunction(
      () => {
        if (typeof jupyterapp === "undefined") return false;
        const widget = jupyterapp.shell.currentWidget;
        return Boolean(widget?.context?.isReady && widget.sessionContext?.session?.kernel?.status === "idle");
      },
      undefined,
      { timeout: 60_000 },
    );
  }

  /** Runs a command of JupyterLab's own. */
  async command(name: string, args: Record<string, string> = {}): Promise<unknown> {
    return this.page.evaluate(([id, given]) => jupyterapp.commands.execute(id, given), [name, args] as const);
  }

  /** Runs every cell; true when none failed. */
  async runAll(): Promise<boolean> {
    return (await this.command("notebook:run-all-cells")) as boolean;
  }

  /** Waits until every code cell has been run and the kernel is idle. */
  async ended(): Promise<void> {
    await this.page.waitForFunction(
      () => {
        const { content, sessionContext } = jupyterapp.shell.currentWidget;
        const isIdle = sessionContext.session?.kernel?.status === "idle";
        return isIdle && content.widgets.every(({ model }: Ran) => model.type !== "code" || model.executionCount);
      },
      undefined,
      { timeout: 120_000 },
    );
  }

  /** Makes one cell the active one. */
  async select(index: number): Promise<void> {
    await this.page.evaluate((i) => {
      jupyterapp.shell.currentWidget.content.activeCellIndex = i;
    }, index);
  }

  /** Runs the active cell alone. */
  async run(index: number): Promise<unknown> {
    await this.select(index);
    return this.command("notebook:run-cell");
  }

  /** What every cell shows, by the notebook's own model. */
  async outputs(): Promise<Output[][]> {
    return this.page.evaluate(() =>
      jupyterapp.shell.currentWidget.content.widgets.map(
        (cell: { model: { outputs?: { toJSON(): unknown } } }) => cell.model.outputs?.toJSON() ?? [],
      ),
    ) as Promise<Output[][]>;
  }

  /** Sources of the cells, in their order. */
  async sources(): Promise<string[]> {
    return this.page.evaluate(() =>
      jupyterapp.shell.currentWidget.content.widgets.map(
        (cell: { model: { sharedModel: { source: string } } }) => cell.model.sharedModel.source,
      ),
    ) as Promise<string[]>;
  }

  /** Writes another text into a cell. */
  async setSource(index: number, source: string): Promise<void> {
    await this.page.evaluate(
      ([i, text]) => {
        jupyterapp.shell.currentWidget.content.widgets[i].model.sharedModel.source = text;
      },
      [index, source] as const,
    );
  }

  /** The live or still plot of one cell, scrolled to and seen: its kind of renderer and its size on the screen. */
  async plot(index: number): Promise<{ kind: "live" | "picture"; width: number; height: number }> {
    const cell = await this.cell(index);
    const shown = cell.locator(
      "svg.main-svg, img.plot-img, .jp-RenderedSVG img, .jp-RenderedImage img, .jp-RenderedHTML img",
    );
    await shown.first().waitFor({ state: "visible", timeout: 30_000 });
    const box = await shown.first().boundingBox();
    assert(box, "the plot has a place on the screen");
    const live = await cell.locator("svg.main-svg, img.plot-img").count();
    return { kind: live > 0 ? "live" : "picture", width: box.width, height: box.height };
  }

  /** One cell, scrolled to. */
  async cell(index: number): Promise<Locator> {
    await this.scrollTo(index);
    return this.page.locator(".jp-Notebook .jp-Cell").nth(index);
  }

  /** A picture of the window in the folder `PHI3LAB_SCREENSHOTS`, where that is set. */
  async screenshot(name: string): Promise<void> {
    const folder = process.env.PHI3LAB_SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  async scrollTo(index: number): Promise<void> {
    await this.page.evaluate((i) => jupyterapp.shell.currentWidget.content.scrollToItem(i), index);
    await this.page.waitForTimeout(500);
  }

  /** Scrolls the notebook to so many pixels below its top; false where it ends above that. */
  async scrollDown(pixels: number): Promise<boolean> {
    const at = await this.page.evaluate((top) => {
      const { outerNode } = jupyterapp.shell.currentWidget.content;
      outerNode.scrollTop = top;
      return outerNode.scrollTop + outerNode.clientHeight;
    }, pixels);
    await this.page.waitForTimeout(700);
    return at > pixels;
  }

  async restart(): Promise<void> {
    const done = this.command("kernelmenu:restart");
    await this.page.locator(".jp-Dialog .jp-mod-accept").click();
    await done;
    await this.ready();
  }

  async interrupt(): Promise<void> {
    await this.command("kernelmenu:interrupt");
  }

  async save(): Promise<void> {
    await this.command("docmanager:save");
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
