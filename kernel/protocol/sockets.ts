/** The thread that owns the sockets. It ends the process when its parent has died or its main thread no longer answers. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { WorkerStart } from "./link";
import { Server } from "./server";
import { useTerminal } from "./supervised";

const port = parentPort as MessagePort;
const start = workerData as WorkerStart;
if (start.supervised) {
  useTerminal();
}
const server = new Server(start, port);
server.open().catch(async (error: unknown) => {
  await server.close(); // Node aborts when a thread ends with open sockets.
  port.postMessage({ type: "failed", message: `Cannot open the sockets of the connection file: ${String(error)}` });
});
