/**
 * How long tokenizers take for 100,000 characters, beside the Rust library's:
 *
 *     npm run bench -- tokenizer [--peers PYTHON] [--rounds N] [--json FILE] [FOLDER …]
 *
 * Of the folders with a tokenizer.json, or of small ones with the parts of each model family's. PYTHON has `tokenizers`;
 * without it PHI3LAB_REFERENCE_PYTHON is taken, or the peer left out. The text is this repository's Markdown.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median, start } from "./runner.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const length = 100_000;
/** Aimed at: at most so many times Rust's time. */
const aim = 5;

/** The repository's own words, over and over. */
function text() {
  const files = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md"];
  const words = files.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  return words.repeat(Math.ceil(length / words.length)).slice(0, length);
}

/** Writes small tokenizers of each family into folders of one. */
function families(folder) {
  const loader = createRequire(import.meta.url).resolve("tsx/cjs");
  execFileSync(process.execPath, ["--require", loader, join(here, "programs", "tokenizers.ts"), folder]);
  return readdirSync(folder)
    .filter((name) => name !== "text")
    .map((name) => join(folder, name));
}

export async function bench(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { peers: { type: "string" }, rounds: { type: "string", default: "7" }, json: { type: "string" } },
  });
  const rounds = Number(values.rounds);
  const place = mkdtempSync(join(tmpdir(), "phi3lab-bench-"));
  const python = values.peers ?? process.env.PHI3LAB_REFERENCE_PYTHON;
  try {
    writeFileSync(join(place, "text"), text());
    const folders = positionals.length > 0 ? positionals : families(place);
    const input = join(place, "text");
    const ours = await start("phi3lab", {
      command: process.execPath,
      args: [join(here, "programs", "tokenizer.mjs"), input],
    });
    const rust = await start("tokenizers", {
      command: python ?? "python3",
      args: [join(here, "programs", "tokenizer.py"), input],
      missing: python === undefined ? "name a Python that has it by --peers PYTHON" : undefined,
    });
    const rows = [];
    console.log(
      `Milliseconds for ${length} characters, the median of ${rounds}; encoding aims at ${aim} × Rust's or less.\n`,
    );
    console.log(
      `${"".padEnd(36)}${"encode".padStart(8)}${"Rust's".padStart(8)}${"×".padStart(7)}${"decode".padStart(9)}${"Rust's".padStart(8)}`,
    );
    for (const folder of folders) {
      const times = { ours: [], rust: [] };
      // In turns, so that a machine that slows down does so for both; the first round warms up.
      for (let round = 0; round <= rounds; round++) {
        for (const [name, runner] of Object.entries({ ours, rust })) {
          const result = await runner?.ask({ folder });
          if (result && round > 0) times[name].push(result);
        }
      }
      const of = (name, what) => (times[name].length > 0 ? median(times[name].map((time) => time[what])) : Number.NaN);
      const [encode, peer] = [of("ours", "encode"), of("rust", "encode")];
      const show = (number, width) => (Number.isNaN(number) ? "–" : number.toFixed(1)).padStart(width);
      console.log(
        basename(folder).slice(0, 35).padEnd(36) +
          show(encode, 8) +
          show(peer, 8) +
          show(encode / peer, 7) +
          show(of("ours", "decode"), 9) +
          show(of("rust", "decode"), 8),
      );
      rows.push({ tokenizer: basename(folder), ids: times.ours[0].ids, ...times });
    }
    ours.stop();
    rust?.stop();
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ characters: length, rows }, undefined, 2)}\n`);
  } finally {
    rmSync(place, { recursive: true });
  }
}
