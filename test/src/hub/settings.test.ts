/** Where models lie and come from by the environment, as Python's huggingface_hub reads the same variables; and names of models. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { readName } from "../../../src/hub/name";
import { endpoint, expandHome, hfHome, hubCache, offline, savedToken } from "../../../src/hub/settings";

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

  describe("read a model's name", () => {
    it("as an id, with a quantisation or a file behind it", () => {
      assert.deepEqual(readName("gpt2"), { id: "gpt2" });
      assert.deepEqual(readName("a/b"), { id: "a/b" });
      assert.deepEqual(readName("9-_.a/-_.b9"), { id: "9-_.a/-_.b9" });
      assert.deepEqual(readName("a/b:Q4_K_M"), { id: "a/b", tag: "Q4_K_M" });
      assert.deepEqual(readName("b:v1.0-x"), { id: "b", tag: "v1.0-x" });
      assert.deepEqual(readName("a/b/c.gguf"), { id: "a/b", gguf_file: "c.gguf" });
      assert.deepEqual(readName("A.1/b.2/sub dir/c_d-e.GGUF"), { id: "A.1/b.2", gguf_file: "sub dir/c_d-e.GGUF" });
      // Where no such folder is, it is no path.
      assert.deepEqual(readName("nowhere/b/c.gguf"), { id: "nowhere/b", gguf_file: "c.gguf" });
    });

    it("and not as a path that is not there", () => {
      const paths = [
        "./a",
        "../a",
        "/a/b",
        "\\a",
        ".\\a",
        "C:\\a",
        "c:/a",
        "a.gguf",
        "./a/b/c.gguf",
        "src/a/c.gguf",
        "x/a.GGUF",
      ];
      for (const path of paths)
        assert.throws(() => readName(path), {
          name: "HubError",
          message: `There is no model at ${path}: neither a folder nor a file.`,
        });
    });

    it("and not as anything else", () => {
      for (const name of [
        "a b",
        "a/b/c",
        "a/b:",
        "a/b:c:d",
        ":a",
        "a/",
        "-a/b",
        ".a/b",
        "a..b",
        "a/b/../c",
        "ä/b",
        "a/b:é",
        " a/b",
        "a/b ",
      ])
        assert.throws(
          () => readName(name),
          /^HubError: ".+" is neither a folder, nor a \.gguf file, nor an id like "owner\/name"/,
          name,
        );
      assert.throws(() => readName("a/b/é.gguf"), /There is no model at/);
      assert.throws(() => readName("a/..b/c.gguf"), /is neither/);
    });
  });
});
