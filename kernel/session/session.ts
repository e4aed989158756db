/**
 * The requests of clients, answered: cells one after another, everything else as it comes.
 *
 * A forced interrupt unwinds whatever JavaScript runs and drops what was about to, so nothing here waits for a cell by
 * awaiting it: a cell reports its end by `settle`, the interrupt reports it too, and the first one counts.
 */
import type { Request } from "../protocol/link";
import type { Wire } from "../protocol/wire";
import { repairAsyncHooks } from "../protocol/asyncHooks";
import type { Results } from "../engine/run/results";
import { Cell, KeyboardInterrupt, resetOwner } from "./cell";
import { isHandle, valueBundle } from "./display";
import { type ErrorContent, type ErrorReporter, isInterrupt } from "./errors";
import type { History } from "./history";
import { type Runner, Unawaited } from "./runner";

/** How a cell ended. */
interface Outcome {
  error?: unknown;
  userExpressions?: Record<string, unknown>;
}

/** A cell under way. */
interface Running {
  request: Request;
  cell: Cell;
  setOutput?: (text: string) => void;
  /** When the user's interrupt came. */
  interruptedAt?: number;
  outcome?: Outcome;
  finished: boolean;
}

/** Runs a cell's text, magics included. */
export type RunCell = (cell: Cell, code: string) => Promise<unknown>;

export interface SessionOptions {
  wire: Wire;
  runner: Runner;
  reporter: ErrorReporter;
  results: Results;
  runCell: RunCell;
  history: History;
  /** A cell has run: what it declared is there. */
  onRun(): void;
}

/**
 * Without a front end a cell waits so long for its timers before it ends, in milliseconds: what comes later is lost (nbclient
 * keeps only what belongs to the cell that it runs). Timers that are due later are not waited for.
 */
const TIMERS_MS = 3_000;
/** Between two looks at the timers, in milliseconds. */
const LOOK_MS = 10;
/** How long an interrupted cell may take to end by itself, in milliseconds. */
const GRACE_MS = 60;

/** One kernel session. */
export class Session {
  readonly #options: SessionOptions;
  readonly #wire: Wire;
  readonly #queue: Request[] = [];
  readonly #history: History;
  /** The timers that no cell's interrupt reaches. */
  readonly #setTimeout = setTimeout;
  readonly #setImmediate = setImmediate;
  #running: Running | undefined;
  /** Made on top of the code that a forced interrupt unwinds: its stack tells where that was. */
  #stopped: KeyboardInterrupt | undefined;
  #count = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#wire = options.wire;
    this.#history = options.history;
  }

  /** Takes a request in; answers later. */
  receive(request: Request): void {
    if (request.msg_type === "execute_request") {
      this.#queue.push(request);
      this.#setImmediate(() => this.#next());
      return;
    }
    try {
      this.#answer(request);
    } catch (error) {
      const { ename, evalue, traceback } = this.#options.reporter.report(error);
      this.#wire.reply(request.serial, replyType(request), { status: "error", ename, evalue, traceback });
    }
  }

  /** Ends the running cell, if it is that of request `serial`. May be called again while it has not ended. */
  interrupt(serial?: number): void {
    resetOwner();
    repairAsyncHooks();
    const running = this.#running;
    const meant = serial === undefined || serial === running?.cell.serial;
    if (running === undefined || running.outcome !== undefined || !meant) {
      this.#wire.acknowledge();
      this.kick();
      return;
    }
    const now = performance.now();
    if (running.interruptedAt === undefined) {
      running.interruptedAt = now;
      this.#setTimeout(() => this.#settle(running, { error: this.#interruption() }), GRACE_MS);
      running.cell.interrupt();
    } else if (now - running.interruptedAt > GRACE_MS) {
      this.#settle(running, { error: this.#interruption() });
    }
  }

  /** What runs is about to be stopped by force. */
  noteStop(): void {
    this.#stopped = new KeyboardInterrupt();
  }

  #interruption(): KeyboardInterrupt {
    return this.#stopped ?? new KeyboardInterrupt();
  }

  /** Goes on with what a forced interrupt may have torn apart. */
  kick(): void {
    resetOwner();
    repairAsyncHooks();
    if (this.#running?.outcome !== undefined) {
      this.#finish(this.#running);
    }
    this.#next();
  }

  /** Starts the first queued cell when none runs. */
  #next(): void {
    if (this.#running !== undefined) {
      return;
    }
    const request = this.#queue.shift();
    if (request === undefined) {
      return;
    }
    const { content, serial } = request;
    const silent = content.silent === true;
    const stored = !silent && content.store_history !== false;
    this.#count += stored ? 1 : 0;
    const code = typeof content.code === "string" ? content.code : "";
    const cell = new Cell(this.#wire, {
      serial,
      silent,
      count: this.#count,
      allowStdin: content.allow_stdin !== false,
      source: code,
      colors: showsColors(request),
    });
    const running: Running = { request, cell, finished: false };
    this.#stopped = undefined;
    this.#running = running;
    cell.fail = (error) => this.#settle(running, { error });
    this.#wire.publish(serial, "status", { execution_state: "busy" });
    if (!silent) {
      this.#wire.publish(serial, "execute_input", { code, execution_count: this.#count });
    }
    if (stored) {
      running.setOutput = this.#history.add(this.#count, code);
      this.#options.results.begin(this.#count, code);
    }
    this.#wire.setRunning(serial);
    this.#run(running, code).then(
      (outcome) => this.#settle(running, outcome),
      (error: unknown) => this.#settle(running, { error }),
    );
  }

  async #run(running: Running, code: string): Promise<Outcome> {
    const { cell, request } = running;
    const result = await this.#options.runCell(cell, code);
    const value = result instanceof Unawaited ? result.promise : result;
    if (value !== undefined && !isHandle(value) && !cell.silent) {
      const data = await valueBundle(value, cell);
      cell.catchUp();
      this.#wire.publish(cell.serial, "execute_result", { execution_count: cell.count, data, metadata: {} });
      running.setOutput?.(String(data["text/plain"]));
      this.#options.results.add(cell.count, value);
    }
    await cell.settleDisplays();
    await this.#tail(cell);
    return { userExpressions: await this.#userExpressions(cell, request.content.user_expressions) };
  }

  /** The end of a cell: rejections that nobody handles are said one turn later, and still belong to it. */
  async #tail(cell: Cell): Promise<void> {
    const turn = (ms?: number): Promise<void> =>
      new Promise((resolve) => {
        ms === undefined ? this.#setImmediate(resolve) : this.#setTimeout(resolve, ms);
      });
    await turn();
    const latest = performance.now() + TIMERS_MS;
    while (!cell.allowStdin && cell.timersDue(latest) !== undefined && performance.now() < latest) {
      await turn(LOOK_MS);
    }
  }

  async #userExpressions(cell: Cell, expressions: unknown): Promise<Record<string, unknown>> {
    const answers: Record<string, unknown> = {};
    for (const [name, expression] of Object.entries((expressions ?? {}) as Record<string, unknown>)) {
      try {
        const value = await this.#options.runner.run(cell, String(expression));
        answers[name] = { status: "ok", data: await valueBundle(value, cell), metadata: {} };
      } catch (error) {
        answers[name] = { status: "error", ...this.#options.reporter.report(error) };
      }
    }
    return answers;
  }

  /** The first end of a cell counts: its own, or the interrupt's. */
  #settle(running: Running, outcome: Outcome): void {
    if (running.outcome !== undefined) {
      return;
    }
    // A child that the interrupt ended makes the cell fail before the interrupt itself is taken in.
    const wanted = running.interruptedAt !== undefined || this.#wire.isInterrupted(running.cell.serial);
    const interrupted = wanted && "error" in outcome;
    running.outcome = interrupted ? { error: this.#interruption() } : outcome;
    if (interrupted || ("error" in outcome && isInterrupt(outcome.error))) {
      running.cell.interrupted = true;
    }
    running.cell.ended = true;
    this.#wire.setRunning(0);
    this.#wire.acknowledge();
    if (!("error" in outcome)) {
      this.#finish(running);
      return;
    }
    // The mark goes first, so that a request made because of the error is not aborted with those that were there before.
    void this.#wire.mark().then(() => this.#finish(running));
    const content = this.#options.reporter.report(running.outcome.error);
    running.cell.catchUp();
    this.#wire.publish(running.cell.serial, "error", content);
    running.outcome.error = content;
  }

  /** Answers the cell and, after an error, aborts the requests that came before it was known. */
  #finish(running: Running): void {
    if (running.finished || running.outcome === undefined) {
      return;
    }
    running.finished = true;
    this.#options.onRun();
    const { cell, request, outcome } = running;
    const { serial, count } = cell;
    if ("error" in outcome) {
      const content = outcome.error as ErrorContent;
      this.#wire.reply(serial, "execute_reply", { status: "error", execution_count: count, payload: [], ...content });
      if (request.content.stop_on_error !== false) {
        this.#abort(this.#queue.splice(0));
      }
    } else {
      const user_expressions = outcome.userExpressions ?? {};
      this.#wire.reply(serial, "execute_reply", {
        status: "ok",
        execution_count: count,
        payload: cell.payload,
        user_expressions,
      });
    }
    this.#running = undefined;
    this.#setImmediate(() => this.#next());
  }

  #abort(requests: Request[]): void {
    for (const { serial } of requests) {
      this.#wire.publish(serial, "status", { execution_state: "busy" });
      this.#wire.reply(serial, "execute_reply", { status: "aborted", execution_count: this.#count });
    }
  }

  #answer({ content, serial, msg_type }: Request): void {
    switch (msg_type) {
      case "history_request":
        this.#wire.reply(serial, "history_reply", this.#history.answer(content));
        return;
      case "comm_info_request":
        this.#wire.reply(serial, "comm_info_reply", { status: "ok", comms: {} });
        return;
      case "comm_open": // No target is registered here; the protocol answers with a close.
        this.#wire.publish(serial, "comm_close", { comm_id: content.comm_id, data: {} });
        this.#wire.ignore(serial);
        return;
      default:
        this.#wire.ignore(serial);
    }
  }
}

/** Front ends that draw the colours of results name the cell; programs that store results do not. */
function showsColors(request: Request): boolean {
  return typeof request.metadata.cellId === "string" && !process.env.NO_COLOR;
}

function replyType(request: Request): string {
  return request.msg_type.replace(/_request$/, "_reply");
}
