/**
 * The Jupyter kernel: `node [flags] dist/kernel/main.js CONNECTION_FILE [--javascript]`, as `kernelspec.json` has it.
 *
 * The second thread starts first: it opens the sockets, starts the compiler, and answers kernel_info while the rest loads;
 * cells that come meanwhile wait.
 */
import { readFileSync, writeSync } from "node:fs";
import { MessageChannel } from "node:worker_threads";
import { manifest } from "./engine/packages";
import type { Connection } from "./protocol/link";
import { PROTOCOL_VERSION } from "./protocol/message";
import type { OpenSession } from "./open";
import { openSupervised, terminal } from "./protocol/supervised";
import { Wire } from "./protocol/wire";

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
  let session: OpenSession | undefined;
  // From now on: who sees the sockets open may also send a signal. It is handled when the event loop turns, with a session.
  process.on("SIGINT", () => session?.interrupt());
  process.on("SIGTERM", () => session?.close(0));
  process.on("SIGHUP", () => session?.close(0));
  const supervised = openSupervised();
  const { port1, port2 } = new MessageChannel();
  const folder = process.cwd();
  const wire = new Wire({
    connection: readConnection(process.argv[2]),
    ...{ kernelInfo, supervised },
    compiler: { folder, language: isJavaScript ? "javascript" : "typescript", port: port2 },
  });
  const { openSession } = require("./open") as typeof import("./open");
  session = openSession({ wire, folder, compiler: port1, supervised });
}

try {
  start();
} catch (error) {
  writeSync(terminal.stderr, `${(error as Error).message}\n`);
  process.exitCode = 1;
}
