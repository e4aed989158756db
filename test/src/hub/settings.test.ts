/** Where models lie and come from by the environment, as Python's huggingface_hub reads the same variables. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import {
  downloadTimeout,
  endpoint,
  etagTimeout,
  expandHome,
  hfHome,
  hubCache,
  offline,
  savedToken,
} from "../../../src/hub/settings";

describe("the hub's settings", () => {
  let environment: NodeJS.ProcessEnv;
  let folder: string;
  beforeEach(() => {
    environment = { ...process.env };
    folder = mkdtempSync(join(tmpdir(), "phi3lab-settings-"));
  });
  afterEach(() => {
    reset(environment);
    rmSync(folder, { recursive: true });
  });
  const reset = (variables: NodeJS.ProcessEnv): void => {
    for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
    Object.assign(process.env, variables);
  };
  /** What a setting is with these variables and no others of the hub's. */
  const given = <T>(variables: Record<string, string>, setting: () => T): T => {
    for (const name of Object.keys(process.env))
      if (/^(HF_|HUGGING|TRANSFORMERS_|XDG_)/.test(name)) delete process.env[name];
    Object.assign(process.env, variables);
    return setting();
  };

  it("place the cache by HF_HUB_CACHE, else its old name, HF_HOME, XDG_CACHE_HOME or the user's folder", () => {
    const all = { XDG_CACHE_HOME: "/xdg", HF_HOME: "/home", HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/cache" };
    const { HF_HUB_CACHE: _, ...older } = all;
    const { HUGGINGFACE_HUB_CACHE: __, ...homes } = older;
    assert.equal(given(all, hubCache), "/cache");
    assert.equal(given(older, hubCache), "/old");
    assert.deepEqual(
      given(homes, () => [hubCache(), hfHome()]),
      ["/home/hub", "/home"],
    );
    assert.equal(given({ XDG_CACHE_HOME: "/xdg" }, hubCache), "/xdg/huggingface/hub");
    assert.equal(given({}, hubCache), join(homedir(), ".cache/huggingface/hub"));
    assert.equal(given({ HF_HUB_CACHE: "", HF_HOME: "" }, hubCache), join(homedir(), ".cache/huggingface/hub"));
    assert.equal(given({ HF_HUB_CACHE: "~/models" }, hubCache), join(homedir(), "models"));
    assert.equal(given({ HF_HOME: "~" }, hfHome), homedir());
  });

  it("read ~ as the shell does, at a path's beginning alone", () => {
    assert.deepEqual(["~", "~/a", "~a", "a/~", "/~/a"].map(expandHome), [
      homedir(),
      join(homedir(), "a"),
      "~a",
      "a/~",
      "/~/a",
    ]);
  });

  it("name the hub, with no slash behind", () => {
    assert.equal(given({}, endpoint), "https://huggingface.co");
    assert.equal(given({ HF_ENDPOINT: "" }, endpoint), "https://huggingface.co");
    assert.equal(given({ HF_ENDPOINT: "http://hub.example/a//" }, endpoint), "http://hub.example/a");
  });

  it("fetch nothing where HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is 1, ON, YES or TRUE", () => {
    for (const name of ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]) {
      for (const yes of ["1", "ON", "on", "YES", "True"]) assert.equal(given({ [name]: yes }, offline), true, yes);
      for (const no of ["", "0", "off", "11", "no", "true!"]) assert.equal(given({ [name]: no }, offline), false, no);
    }
    assert.equal(given({}, offline), false);
  });

  it("take the token of HF_TOKEN, else of its old name, else of the file that hf auth login writes", () => {
    const token = join(folder, "token");
    const other = join(folder, "other");
    assert.equal(given({ HF_HOME: folder }, savedToken), undefined);
    writeFileSync(token, " saved\n");
    writeFileSync(other, "of its path");
    assert.equal(given({ HF_HOME: folder }, savedToken), "saved");
    assert.equal(given({ HF_HOME: folder, HF_TOKEN_PATH: other }, savedToken), "of its path");
    assert.equal(given({ HF_HOME: folder, HUGGING_FACE_HUB_TOKEN: "old" }, savedToken), "old");
    assert.equal(given({ HF_HOME: folder, HUGGING_FACE_HUB_TOKEN: "old", HF_TOKEN: " new " }, savedToken), "new");
    assert.equal(given({ HF_HOME: folder, HF_TOKEN: "  " }, savedToken), undefined);
    assert.equal(given({ HF_HOME: folder, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }, savedToken), undefined);
    assert.equal(given({ HF_HOME: folder, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1", HF_TOKEN: "new" }, savedToken), "new");
    writeFileSync(token, "\n");
    assert.equal(given({ HF_HOME: folder }, savedToken), undefined);
  });

  it("wait as long as HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT say, in seconds, else ten", () => {
    const both = () => [etagTimeout(), downloadTimeout()];
    assert.deepEqual(given({}, both), [10_000, 10_000]);
    assert.deepEqual(given({ HF_HUB_ETAG_TIMEOUT: "3", HF_HUB_DOWNLOAD_TIMEOUT: "0.5" }, both), [3000, 500]);
    for (const odd of ["", "x", "-1", "0", "Infinity"])
      assert.deepEqual(given({ HF_HUB_ETAG_TIMEOUT: odd, HF_HUB_DOWNLOAD_TIMEOUT: odd }, both), [10_000, 10_000], odd);
  });
});
