/**
 * One set-up at a time in a checkout. The lock is a listening local socket, which the system itself frees when its last
 * holder ends, however it ends. Programs that set-up starts hold it too: when set-up is killed and its `npm ci` goes on,
 * the next set-up waits for that as well.
 */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { cache, root } from "./places.mjs";

function address() {
  const name = `phi3lab-setup-${createHash("sha256").update(root).digest("hex").slice(0, 24)}`;
  if (process.platform === "linux") return `\0${name}`;
  // A path in the file system may be at most 103 bytes long; relative to the checkout, it is short.
  mkdirSync(cache, { recursive: true });
  process.chdir(root);
  return join(".cache", "setup", "lock.sock");
}

function listen(path) {
  return new Promise((done, fail) => {
    const server = createServer((socket) => {
      // One who waits must not keep this process from ending.
      socket.unref();
      socket.on("error", () => {});
      socket.write(`${process.pid}`);
    });
    server.once("error", (error) => (error.code === "EADDRINUSE" ? done(undefined) : fail(error)));
    server.listen(path, () => done(server));
    server.unref();
  });
}

/** Resolves when the holder ends; `held: false` when nobody answers at the address. */
function holderEnds(path, onWait) {
  return new Promise((done) => {
    let held = false;
    const socket = connect(path);
    const told = setTimeout(() => onWait(undefined), 1000);
    socket.once("connect", () => {
      held = true;
    });
    socket.once("data", (pid) => {
      clearTimeout(told);
      onWait(String(pid));
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(told);
      done(held);
    });
  });
}

/**
 * Waits for the lock; `onWait(pid)` is told whom it waits for (undefined: a program left over from a killed set-up).
 * `descriptor` is for children to inherit, so that they hold the lock too.
 */
export async function acquireLock(onWait) {
  const path = address();
  for (let told = false; ; ) {
    const server = await listen(path);
    if (server !== undefined) return { descriptor: server._handle?.fd, release: () => server.close() };
    const held = await holderEnds(path, (pid) => {
      if (!told) onWait(pid);
      told = true;
    });
    // Where the socket is a file, it outlives its holder.
    if (!held && !path.startsWith("\0")) rmSync(path, { force: true });
    await pause(50 + Math.random() * 100);
  }
}
