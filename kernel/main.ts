/**
 * The Jupyter kernel: `node [flags] dist/kernel/main.js CONNECTION_FILE [--javascript]`, as `kernelspec.json` has it.
 *
 * The sockets open first, in a thread of their own, and answer kernel_info while the compiler loads; cells that come
 * meanwhile wait.
 */
import { readFileSync, writeSync } from "node:fs";
import { manifest } from "./engine/packages";
import { CompilerProcess } from "./engine/compiler/client";
import { Runtime } from "./engine/run/runtime";
import { runCell } from "./magics/run_cell";
import { createRegistry } from "./magics/table";
import { offerPrepareStop } from "./protocol/asyncHooks";
import type { Connection } from "./protocol/link";
import { PROTOCOL_VERSION } from "./protocol/message";
import { openSupervised, terminal } from "./protocol/supervised";
import { Wire, type WireHandlers } from "./protocol/wire";
import { Assistant } from "./session/assistant";
import { cellOfError, currentCell, lastCell, resetOwner } from "./session/cell";
import { captureDescriptors } from "./session/descriptors";
import { ErrorReporter, isInterrupt } from "./session/errors";
import { installGlobals } from "./session/globals";
import { History } from "./session/history";
import { Questions } from "./session/input";
import { magicContext, offerMagics } from "./session/magics";
import { Runner } from "./session/runner";
import { Session } from "./session/session";
import { variables } from "./session/variables";

const typescript = require("typescript/package.json") as { version: string };

/** JavaScript notebooks are not checked, and their cells are not strict code. */
const isJavaScript = process.argv.includes("--javascript");

/** What kernel_info_reply says of the language. */
const languages = {
  typescript: {
    name: "typescript",
    version: typescript.version,
    mimetype: "application/typescript",
    file_extension: ".ts",
    pygments_lexer: "typescript",
    codemirror_mode: { name: "javascript", typescript: true, mode: "typescript" },
    nbconvert_exporter: "script",
  },
  javascript: {
    name: "javascript",
    version: process.versions.node,
    mimetype: "text/javascript",
    file_extension: ".js",
    pygments_lexer: "javascript",
    codemirror_mode: "javascript",
    nbconvert_exporter: "script",
  },
};

/** What kernel_info_reply says. */
const kernelInfo = {
  status: "ok",
  protocol_version: PROTOCOL_VERSION,
  implementation: "phi3lab",
  implementation_version: manifest.version,
  language_info: isJavaScript ? languages.javascript : languages.typescript,
  banner: `phi3lab ${manifest.version}: TypeScript ${typescript.version} on Node.js ${process.versions.node}`,
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
  const folder = process.cwd();
  const { compiler } = new CompilerProcess({ folder, language: isJavaScript ? "javascript" : "typescript" });
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
    assistant: new Assistant(compiler, registry, () => variables(runner)),
    runner,
    reporter,
    results: runtime.results,
    runCell: (cell, code) => runCell(registry, magicContext(cell, { runner, history }), code),
    history,
  });
  installGlobals(questions);
  if (supervised) {
    captureDescriptors(supervised, wire);
  }
  runtime.install();
  offerMagics(registry);
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
  process.on("SIGINT", () => session.interrupt());
  process.on("SIGTERM", () => close(0));
  process.on("SIGHUP", () => close(0));
}

const supervised = openSupervised();
try {
  start();
} catch (error) {
  writeSync(terminal.stderr, `${(error as Error).message}\n`);
  process.exitCode = 1;
}
