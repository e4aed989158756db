/**
 * Progress bars that read as tqdm's: `config.json: 100%|██████████| 967/967 [00:00<00:00, 5.21kB/s]`. In a notebook each
 * bar is an output of its own that is drawn in place (through src/host.ts); in a terminal the running bars are redrawn
 * in place; elsewhere (a log file) each bar is one line when it ends, and a line now and then while it lasts.
 */
import { type Host, host, mime } from "./host";
import { escapeMarkup } from "./markup";

export interface ProgressOptions {
  /** What stands before the bar: a file's name, or what is being done. */
  label: string;
  /** How many there are in all. */
  total: number;
  /** What is counted: bytes, shown as 4.97G, or things. Default: "it". */
  unit?: "B" | "it";
  /** Done before the start, for a resumed download: it does not count for the rate. Default: 0. */
  initial?: number;
  /** Where to draw outside a notebook. Default: the process's standard error. */
  out?: ProgressOutput;
}

/** As much of a stream as a bar needs. */
export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** The terminal's width. */
  readonly columns?: number;
}

/** Milliseconds between two drawings of one bar. */
const drawEvery = 100;
/** Milliseconds between two lines of one bar in a log. */
const logEvery = 15_000;

/** One bar. */
export class ProgressBar {
  readonly label: string;
  readonly total: number;
  readonly #unit: "B" | "it";
  readonly #initial: number;
  readonly #surface: Surface;
  readonly #start = performance.now();
  #done: number;
  #drawnAt = -Infinity;
  /** When it was closed: its clock stands still from then on. */
  #end: number | undefined;

  /** Prefer {@link progressBar}. */
  constructor(options: ProgressOptions, surface: Surface) {
    this.label = options.label;
    this.total = options.total;
    this.#unit = options.unit ?? "it";
    this.#initial = options.initial ?? 0;
    this.#done = this.#initial;
    this.#surface = surface;
    this.#draw();
  }

  /** Sets how much is done, counted from nothing. Draws at most ten times a second. */
  update(done: number): void {
    if (this.#end !== undefined) return;
    this.#done = done;
    if (performance.now() - this.#drawnAt >= drawEvery) this.#draw();
  }

  /** Draws the last state and leaves it standing. Calls after the first do nothing. */
  close(): void {
    if (this.#end !== undefined) return;
    this.#end = performance.now();
    this.#surface.close(this);
  }

  /** Where it stands now. */
  get state(): ProgressState {
    const seconds = ((this.#end ?? performance.now()) - this.#start) / 1000;
    return {
      label: this.label,
      done: this.#done,
      total: this.total,
      initial: this.#initial,
      unit: this.#unit,
      seconds,
    };
  }

  /** The whole line. */
  toString(): string {
    return formatProgress(this.state);
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    this.#surface.draw(this);
  }
}

/**
 * Starts a bar, in the notebook, the terminal or the log around this process. The variable HF_HUB_DISABLE_PROGRESS_BARS
 * silences all bars.
 *
 * @example
 * const bar = progressBar({ label: "Loading checkpoint shards", total: 2 });
 * bar.update(1);
 * bar.close();
 */
export function progressBar(options: ProgressOptions): ProgressBar {
  const notebook = host();
  const out = options.out ?? process.stderr;
  let surface: Surface;
  if (/^(1|on|yes|true)$/i.test(process.env.HF_HUB_DISABLE_PROGRESS_BARS ?? "")) surface = silent;
  else if (notebook) surface = new NotebookSurface(notebook);
  else if (out.isTTY) surface = terminal(out);
  else surface = new LogSurface(out);
  return new ProgressBar(options, surface);
}

/** Where a bar is drawn. */
interface Surface {
  draw(bar: ProgressBar): void;
  close(bar: ProgressBar): void;
}

const silent: Surface = { draw: () => undefined, close: () => undefined };

let displays = 0;

class NotebookSurface implements Surface {
  readonly #host: Host;
  readonly #id = `phi3lab-progress-${process.pid}-${Date.now()}-${displays++}`;
  #shown = false;

  constructor(notebook: Host) {
    this.#host = notebook;
  }

  draw(bar: ProgressBar): void {
    this.#host.display(
      { [mime.html]: html(bar.state), [mime.text]: String(bar) },
      { display_id: this.#id, update: this.#shown },
    );
    this.#shown = true;
  }

  close(bar: ProgressBar): void {
    this.draw(bar);
  }
}

function html(state: ProgressState): string {
  const cell = `style="font-family: var(--jp-code-font-family, monospace); white-space: pre"`;
  return (
    `<div style="display: flex; gap: 8px; align-items: center"><span ${cell}>${escapeMarkup(state.label)}: ${percent(state)}%</span>` +
    `<progress value="${fraction(state).toFixed(4)}" max="1" style="flex: 0 1 240px"></progress>` +
    `<span ${cell}>${escapeMarkup(numbers(state))}</span></div>`
  );
}

class LogSurface implements Surface {
  readonly #out: ProgressOutput;
  #last = performance.now();

  constructor(out: ProgressOutput) {
    this.#out = out;
  }

  draw(bar: ProgressBar): void {
    if (performance.now() - this.#last < logEvery) return;
    this.close(bar);
  }

  close(bar: ProgressBar): void {
    this.#last = performance.now();
    this.#out.write(`${bar}\n`);
  }
}

/** The running bars of one terminal stand below each other; a finished one leaves the block when it is the topmost. */
class TerminalSurface implements Surface {
  readonly #out: ProgressOutput;
  readonly #bars: { bar: ProgressBar; closed: boolean }[] = [];
  /** Lines between the cursor and the block's first. */
  #below = 0;

  constructor(out: ProgressOutput) {
    this.#out = out;
  }

  draw(bar: ProgressBar): void {
    if (!this.#bars.some((entry) => entry.bar === bar)) this.#bars.push({ bar, closed: false });
    this.#redraw();
  }

  close(bar: ProgressBar): void {
    const entry = this.#bars.find((candidate) => candidate.bar === bar);
    if (!entry) return;
    entry.closed = true;
    this.#redraw();
    if (this.#bars.every(({ closed }) => closed)) {
      this.#out.write("\n");
      this.#bars.length = 0;
      this.#below = 0;
      return;
    }
    while (this.#bars[0]?.closed) {
      this.#bars.shift();
      this.#below--;
    }
  }

  #redraw(): void {
    const up = this.#below > 0 ? `\x1b[${this.#below}A` : "";
    // A line that wraps would take two rows and spoil the count.
    const width = Math.max(1, (this.#out.columns || 120) - 1);
    const lines = this.#bars.map(({ bar }) => `\r\x1b[2K${String(bar).slice(0, width)}`);
    this.#out.write(up + lines.join("\n"));
    this.#below = lines.length - 1;
  }
}

const terminals = new WeakMap<ProgressOutput, TerminalSurface>();

function terminal(out: ProgressOutput): TerminalSurface {
  let surface = terminals.get(out);
  if (!surface) {
    surface = new TerminalSurface(out);
    terminals.set(out, surface);
  }
  return surface;
}

/** One moment of a bar. */
export interface ProgressState {
  label: string;
  done: number;
  total: number;
  /** Done before the start. */
  initial: number;
  unit: "B" | "it";
  /** Since the start. */
  seconds: number;
}

/** The line that tqdm would print for this moment, with a bar of ten cells. */
export function formatProgress(state: ProgressState): string {
  return `${state.label}: ${percent(state).padStart(3)}%|${blocks(fraction(state))}| ${numbers(state)}`;
}

function fraction({ done, total }: ProgressState): number {
  return total > 0 ? Math.min(1, done / total) : 1;
}

function percent(state: ProgressState): string {
  return (100 * fraction(state)).toFixed(0);
}

/** `967/967 [00:00<00:00, 5.21kB/s]` */
function numbers({ done, total, initial, unit, seconds }: ProgressState): string {
  const rate = seconds > 0 ? (done - initial) / seconds : 0;
  const bytes = unit === "B";
  const count = (n: number) => (bytes ? short(n) : String(n));
  const measure = (n: number) => (bytes ? short(n) : n.toFixed(2).padStart(5));
  let speed = `?${unit}/s`;
  if (rate > 0) speed = rate < 1 ? `${measure(1 / rate)}s/${unit}` : `${measure(rate)}${unit}/s`;
  const left = rate > 0 ? clock((total - done) / rate) : "?";
  return `${count(done)}/${count(total)} [${clock(seconds)}<${left}, ${speed}]`;
}

/** Ten cells, each of eight steps. */
function blocks(filled: number): string {
  const eighths = Math.floor(filled * 80);
  const rest = eighths % 8 === 0 ? "" : (" ▏▎▍▌▋▊▉"[eighths % 8] as string);
  return `${"█".repeat(Math.floor(eighths / 8))}${rest}`.padEnd(10);
}

/** Three digits and a letter, as tqdm writes sizes: 967, 3.44k, 4.97G. */
function short(value: number): string {
  let rest = value;
  for (const letter of ["", "k", "M", "G", "T"]) {
    if (rest < 999.5) {
      return `${rest.toFixed(rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0)}${letter}`;
    }
    rest /= 1000;
  }
  return `${rest.toFixed(1)}P`;
}

/** Minutes and seconds, and hours before them when there are any. */
function clock(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = two(Math.floor(whole / 60) % 60);
  return `${hours > 0 ? `${hours}:` : ""}${minutes}:${two(whole % 60)}`;
}
