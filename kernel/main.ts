/**
 * The Jupyter kernel: `node [flags] dist/kernel/main.js CONNECTION_FILE`, as `kernelspec.json` has it.
 *
 * The sockets open first, in a thread of their own, and answer kernel_info while the compiler loads; cells that come
 * meanwhile wait.
 */
import { readFileSync, writeSync } from "node:fs";
import { manifest } from "./engine/packages";
import { TslabEngine } from "./engine/tslab";
import { magics, runCell } from "./magics/table";
import { offerPrepareStop } from "./protocol/asyncHooks";
import type { Connection } from "./protocol/link";
import { PROTOCOL_VERSION } from "./protocol/message";
import { openSupervised, terminal } from "./protocol/supervised";
import { Wire, type WireHandlers } from "./protocol/wire";
import { Assistant } from "./session/assistant";
import { cellOfError, lastCell, resetOwner } from "./session/cell";
import { captureDescriptors } from "./session/descriptors";
import { ErrorReporter, isInterrupt } from "./session/errors";
import { installGlobals, installTslabDisplay } from "./session/globals";
import { Questions } from "./session/input";
import { magicContext } from "./session/magics";
import { Runner } from "./session/runner";
import { Session } from "./session/session";

/** What kernel_info_reply says. */
const kernelInfo = {
  status: "ok",
  protocol_version: PROTOCOL_VERSION,
  implementation: "phi3lab",
  implementation_version: manifest.version,
  language_info: {
    name: "typescript",
    version: "5.0.4",
    mimetype: "application/typescript",
    file_extension: ".ts",
    pygments_lexer: "typescript",
    codemirror_mode: { name: "javascript", typescript: true, mode: "typescript" },
    nbconvert_exporter: "script",
  },
  banner: `phi3lab ${manifest.version}: TypeScript 5.0.4 on Node.js ${process.versions.node}`,
  help_links: [{ text: "TypeScript", url: "https://www.typescriptlang.org/docs/" }],
  debugger: false,
};

function readConnection(path: string | undefined): Connection {
  if (path === undefined) {
    throw new Error("Expected the path of a connection file: node dist/kernel/main.js CONNECTION_FILE");
  }
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Connection;
  } catch (error) {
    throw new Error(`Cannot read the connection file ${path}: ${(error as Error).message}`);
  }
}

function start(): void {
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
    exit: () => close(0),
    lost: (reason) => {
      writeSync(terminal.stderr, `The kernel ends: ${reason}\n`);
      reallyExit(1);
    },
  };
  const wire: Wire = new Wire(readConnection(process.argv[2]), kernelInfo, handlers, supervised);
  const engine = new TslabEngine((work) => wire.guard(work));
  const reporter = new ErrorReporter();
  const runner = new Runner(engine, reporter);
  const questions = new Questions(wire);
  const session: Session = new Session({
    wire,
    assistant: new Assistant(engine, magics),
    runner,
    reporter,
    runCell: (cell, code) => runCell(magicContext(cell, runner), code),
  });
  installGlobals(questions);
  if (supervised) {
    captureDescriptors(supervised, wire);
  }
  offerPrepareStop();

  const printLate = (title: string) => (error: unknown) => {
    const print = (): boolean => process.stderr.write(`${title}\n${reporter.report(error).traceback.join("\n")}\n`);
    if (!isInterrupt(error)) {
      const cell = cellOfError(error);
      cell === undefined ? print() : cell.call(print);
    }
    resetOwner();
  };
  process.on("uncaughtException", printLate("Uncaught error:"));
  process.on("unhandledRejection", printLate("Unhandled promise rejection:"));
  process.on("SIGINT", () => session.interrupt());
  process.on("SIGTERM", () => close(0));
  process.on("SIGHUP", () => close(0));
  // The compiler is loaded and warmed before it is needed, and tslab's display functions with it.
  void wire.ready.then(() => engine.convert("0")).then(installTslabDisplay);
}

const supervised = openSupervised();
try {
  start();
} catch (error) {
  writeSync(terminal.stderr, `${(error as Error).message}\n`);
  process.exitCode = 1;
}
