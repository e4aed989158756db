/**
 * `npm run screenshots [-- NAME …]`: every drawing, or those named, as readers see them, 1,280 by 900 pixels, light and dark:
 * in JupyterLab, trusted and not, in Notebook 7, in nbconvert's page, in a terminal; and all of them on a contact sheet.
 * They are to be looked at: what is ugly, cut or unreadable is a fault that no test finds.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { findChromium } from "../chromium";
import { type FrontEnd, Lab, type NotebookPage, outputText, root } from "../lab";
import { drawings, first } from "./cells";
import { terminalPage } from "./terminal";

const out = join(root, "out", "screenshots");
const size = { width: 1280, height: 900 };
const themes = ["light", "dark"] as const;
type Theme = (typeof themes)[number];
const named = process.argv.slice(2);
const names = Object.keys(drawings).filter((name) => named.length === 0 || named.includes(name));

async function main(): Promise<void> {
  mkdirSync(out, { recursive: true });
  const lab = await Lab.start();
  const browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", "--disable-gpu"] });
  try {
    // All cells are run, since some need those before them.
    lab.writeNotebook("views.ipynb", [first, ...Object.values(drawings)]);
    await frontEnd(lab, "views.ipynb", "JupyterLab", "lab", true);
    const saved = JSON.parse(readFileSync(join(lab.folder, "views.ipynb"), "utf8")) as Notebook;
    await frontEnd(lab, "views.ipynb", "Notebook 7", "notebook", false);
    // Other code than was run here: the notebook is not trusted.
    (saved.cells[0] as Cell).source = `// another notebook\n${first}`;
    writeFileSync(join(lab.folder, "foreign.ipynb"), JSON.stringify(saved));
    await frontEnd(lab, "foreign.ipynb", "JupyterLab", "untrusted", false);
    await nbconvert(browser, join(lab.folder, "views.ipynb"));
    await terminal(browser, saved);
    await contactSheet(browser);
  } finally {
    await browser.close();
    await lab.stop();
  }
  console.log(`Written: ${out}`);
}

interface Cell {
  source: string;
  outputs: { data?: Record<string, string | string[]> }[];
}
interface Notebook {
  cells: Cell[];
}

async function frontEnd(lab: Lab, file: string, kind: FrontEnd, name: string, run: boolean): Promise<void> {
  const notebook = await lab.open(file, kind);
  await notebook.page.setViewportSize(size);
  if (run) {
    if (!(await notebook.runAll())) throw new Error(outputText((await notebook.outputs()).flat()));
    await notebook.save();
  }
  if (kind === "JupyterLab") await notebook.command("application:toggle-left-area").catch(() => undefined);
  for (const theme of themes) {
    await notebook.command("apputils:change-theme", { theme: `JupyterLab ${theme === "dark" ? "Dark" : "Light"}` });
    await notebook.page.waitForTimeout(1_000);
    for (const drawing of names) await shoot(notebook, drawing, `${name}-${theme}-${drawing}`);
  }
  await notebook.close();
}

/** One cell's output, with its top in sight. */
async function shoot(notebook: NotebookPage, drawing: string, file: string): Promise<void> {
  const cell = await notebook.cell(1 + Object.keys(drawings).indexOf(drawing));
  await cell.locator(".jp-OutputArea-output").first().waitFor({ timeout: 20_000 });
  await cell
    .locator(".jp-Cell-outputWrapper")
    .first()
    .evaluate((element: { scrollIntoView(): void }) => element.scrollIntoView());
  await notebook.page.waitForTimeout(600);
  await notebook.page.screenshot({ path: join(out, `${file}.png`) });
}

async function nbconvert(browser: Browser, notebook: string): Promise<void> {
  for (const theme of themes) {
    const options = [
      "--to",
      "html",
      "--theme",
      theme,
      "--embed-images",
      "--output-dir",
      out,
      "--output",
      `nbconvert-${theme}`,
    ];
    const offline = ["require_js_url", "mathjax_url", "jquery_url"].map((name) => `--HTMLExporter.${name}=`);
    const made = spawnSync(join(root, ".venv", "bin", "jupyter"), ["nbconvert", ...options, ...offline, notebook], {
      encoding: "utf8",
    });
    if (made.status !== 0) throw new Error(made.stderr);
    const page = await open(browser, join(out, `nbconvert-${theme}.html`), theme);
    const cells = page.locator(".jp-CodeCell");
    for (const drawing of names) {
      const cell = cells.nth(1 + Object.keys(drawings).indexOf(drawing));
      await cell
        .locator(".jp-Cell-outputWrapper")
        .first()
        .evaluate((element: { scrollIntoView(): void }) => element.scrollIntoView());
      await page.waitForTimeout(200);
      await page.screenshot({ path: join(out, `nbconvert-${theme}-${drawing}.png`) });
    }
    await page.close();
  }
}

async function open(browser: Browser, path: string, colorScheme: Theme): Promise<Page> {
  const page = await browser.newPage({ viewport: size, colorScheme });
  await page.goto(pathToFileURL(path).href);
  return page;
}

/** What the saved notebook has as text; of the tokens, what a terminal with colours prints. */
async function terminal(browser: Browser, notebook: Notebook): Promise<void> {
  const coloured = spawnSync(process.execPath, ["--import", "tsx", join(__dirname, "coloured.ts")], {
    encoding: "utf8",
    cwd: root,
  });
  if (coloured.status !== 0) throw new Error(coloured.stderr);
  for (const theme of themes) {
    const shown = await browser.newPage({ viewport: size });
    for (const drawing of names) {
      const { outputs } = notebook.cells[1 + Object.keys(drawings).indexOf(drawing)] as Cell;
      const text = outputs.map(({ data }) => [data?.["text/plain"] ?? ""].flat().join("")).join("\n");
      const page = join(out, `terminal-${theme}-${drawing}.html`);
      const printed = drawing === "tokens" ? coloured.stdout : text;
      terminalPage(page, printed, theme === "dark" ? ["#111", "#ddd"] : ["#fff", "#222"]);
      await shown.goto(pathToFileURL(page).href);
      await shown.screenshot({ path: join(out, `terminal-${theme}-${drawing}.png`) });
    }
    await shown.close();
  }
}

/** All pictures, small, in rows by their drawing, as one JPEG of at most 500 kB. */
async function contactSheet(browser: Browser): Promise<void> {
  const columns = ["lab", "untrusted", "notebook", "nbconvert", "terminal"].flatMap((place) =>
    themes.map((theme) => `${place}-${theme}`),
  );
  const address = (file: string): string =>
    `data:image/png;base64,${readFileSync(join(out, `${file}.png`)).toString("base64")}`;
  const head = `<tr><th></th>${columns.map((column) => `<th>${column.replace("-", ", ")}</th>`).join("")}</tr>`;
  const rows = names.map((drawing) => {
    const cells = columns.map(
      (column) => `<td><img width="236" height="166" src="${address(`${column}-${drawing}`)}"></td>`,
    );
    return `<tr><th>${drawing}</th>${cells.join("")}</tr>`;
  });
  const path = join(out, "sheet.html");
  const style =
    "body { margin: 4px; font: 12px sans-serif } table { border-spacing: 3px } th { text-align: left } img { border: 1px solid #bbb }";
  writeFileSync(path, `<!doctype html><style>${style}</style><table>${head}${rows.join("")}</table>`);
  const page = await browser.newPage({ viewport: { width: 2560, height: 400 } });
  await page.goto(pathToFileURL(path).href);
  const sheet = named.length === 0 ? resolve(root, "notebooks", "views.jpg") : join(out, "sheet.jpg");
  for (let quality = 70; quality >= 20; quality -= 10) {
    const { length } = await page.screenshot({ path: sheet, fullPage: true, type: "jpeg", quality });
    if (length <= 500_000) return console.log(`${sheet}: ${length.toLocaleString("en-US")} bytes`);
  }
  throw new Error("The contact sheet takes more than 500,000 bytes");
}

void main();
