/** An empty cache and a hub on the loopback for one test, and the environment as it was behind it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HubError } from "../../../src/hub";
import { HubServer } from "./server";

export class HubSandbox {
  /** HF_HOME. */
  readonly folder = mkdtempSync(join(tmpdir(), "phi3lab-hub-"));
  readonly server = new HubServer();
  readonly #environment = { ...process.env };

  static async start(): Promise<HubSandbox> {
    const sandbox = new HubSandbox();
    for (const name of Object.keys(process.env))
      if (/^(HF_|HUGGING|TRANSFORMERS_)/.test(name)) delete process.env[name];
    await sandbox.server.start();
    const { folder, server } = sandbox;
    Object.assign(process.env, { HF_HOME: folder, HF_ENDPOINT: server.url, HF_HUB_DISABLE_PROGRESS_BARS: "1" });
    return sandbox;
  }

  async stop(): Promise<void> {
    await this.server.stop();
    for (const name of Object.keys(process.env)) if (!(name in this.#environment)) delete process.env[name];
    Object.assign(process.env, this.#environment);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The promise fails with a HubError whose message matches every pattern. */
export const rejects = (promise: Promise<unknown>, ...patterns: RegExp[]): Promise<void> =>
  assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof HubError, `expected a HubError, got ${error.stack}`);
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });
