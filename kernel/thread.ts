/**
 * The kernel's second thread, which answers while cells block the first: it owns the sockets and the compiler's process. It
 * ends the process when its parent has died or its main thread no longer answers.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { serve } from "./engine/compiler/calls";
import { CompilerProcess } from "./engine/compiler/client";
import { Shared, type ToMain, type WorkerStart } from "./protocol/link";
import { useTerminal } from "./protocol/supervised";

const port = parentPort as MessagePort;
const start = workerData as WorkerStart;
if (start.supervised) {
  useTerminal();
}
// First of all: nothing takes as long to be ready.
const { folder, language, port: calls } = start.compiler;
const { compiler } = new CompilerProcess({ folder, language });
serve(compiler, calls);
Atomics.store(start.shared, Shared.Compiling, 1);
Atomics.notify(start.shared, Shared.Compiling);

const { Server } = require("./protocol/server") as typeof import("./protocol/server");
const { Looks } = require("./protocol/looks") as typeof import("./protocol/looks");
const { Helper } = require("./session/helper") as typeof import("./session/helper");
const toMain = (message: ToMain): void => port.postMessage(message);
const helper = new Helper(compiler, new Looks({ shared: start.shared, toMain }));
const server = new Server(start, port, helper);
server.open().catch(async (error: unknown) => {
  await server.close(); // Node aborts when a thread ends with open sockets.
  toMain({ type: "failed", message: `Cannot open the sockets of the connection file: ${String(error)}` });
});
