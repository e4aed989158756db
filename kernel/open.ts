/** A session, put together: what runs cells, the magics, the globals, and what hears of the process's end. */
import { writeSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import { reach } from "./engine/compiler/calls";
import { Runtime } from "./engine/run/runtime";
import { runCell } from "./magics/run_cell";
import { createRegistry } from "./magics/table";
import { offerPrepareStop } from "./protocol/asyncHooks";
import { type Supervised, terminal } from "./protocol/supervised";
import type { Wire, WireHandlers } from "./protocol/wire";
import { cellOfError, currentCell, lastCell, resetOwner } from "./session/cell";
import { captureDescriptors } from "./session/descriptors";
import { ErrorReporter, isInterrupt } from "./session/errors";
import { installGlobals } from "./session/globals";
import { History } from "./session/history";
import { Questions } from "./session/input";
import { magicContext, offerMagics } from "./session/magics";
import { Runner } from "./session/runner";
import { Session } from "./session/session";
import { Telling } from "./session/telling";

export interface OpenOptions {
  wire: Wire;
  /** The notebook's. */
  folder: string;
  /** Leads to the compiler, which the thread of the sockets has. */
  compiler: MessagePort;
  supervised: Supervised | undefined;
}

/** What a signal asks for. */
export interface OpenSession {
  close(code: number): void;
  interrupt(): void;
}

/** Makes the process that of a session, which answers what comes by `wire`. */
export function openSession({ wire, folder, compiler: port, supervised }: OpenOptions): OpenSession {
  const compiler = reach(port);
  const reallyExit = process.exit.bind(process);
  let closing = false;
  const close = (code: number): void => {
    if (!closing) {
      closing = true;
      void wire.close().then(() => reallyExit(code));
    }
  };
  const handlers: WireHandlers = {
    request: (request) => session.receive(request),
    interrupt: (serial) => session.interrupt(serial),
    kick: () => session.kick(),
    input: (serial, value) => questions.answer(serial, value),
    output: (stream, bytes) => lastCell()?.writeDescriptor(stream, bytes),
    look: (question) => telling.answer(question),
    exit: () => close(0),
    lost: (reason) => {
      writeSync(terminal.stderr, `The kernel ends: ${reason}\n`);
      reallyExit(1);
    },
  };
  const runtime = new Runtime(compiler, folder, ({ data, metadata, transient }, update) =>
    currentCell()?.show(data, { metadata, display_id: transient?.display_id, update }),
  );
  const reporter = new ErrorReporter(runtime.stacks, runtime.places);
  const runner = new Runner(compiler, runtime, reporter);
  const questions = new Questions(wire);
  const registry = createRegistry();
  const history = new History();
  const session: Session = new Session({
    wire,
    runner,
    reporter,
    results: runtime.results,
    runCell: (cell, code) => runCell(registry, magicContext(cell, { runner, history }), code),
    history,
    onRun: () => telling.names(),
  });
  const telling: Telling = new Telling({
    registry,
    ...{ scope: runtime.executor.scope, results: runtime.results },
    tell: (told) => wire.tell(told),
  });
  wire.listen(handlers);
  installGlobals(questions);
  if (supervised) {
    captureDescriptors(supervised, wire);
  }
  runtime.install();
  offerMagics(registry, (magic) => telling.magic(magic));
  offerPrepareStop(() => session.noteStop());

  const printLate = (title: string) => (error: unknown) => {
    const print = (): boolean => process.stderr.write(`${title}\n${reporter.report(error).traceback.join("\n")}\n`);
    if (!isInterrupt(error) && !reporter.knows(error)) {
      const cell = cellOfError(error);
      cell === undefined ? print() : cell.call(print);
    }
    resetOwner();
  };
  process.on("uncaughtException", printLate("Uncaught error:"));
  process.on("unhandledRejection", printLate("Unhandled promise rejection:"));
  return { close, interrupt: () => session.interrupt() };
}
