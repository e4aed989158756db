/** How a user names a model of the hub: ids, revisions, quantisations, files, and addresses as a browser has them. */
import assert from "node:assert/strict";
import { resolveModel } from "../../../src/hub";
import { readName } from "../../../src/hub/name";

describe("A model's name", () => {
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
      "~/a",
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

  describe("with a revision behind it", () => {
    const named = (revision: string, more = {}) => ({ id: "a/b", revision, ...more });
    it("is read as huggingface_hub's file system reads it", () => {
      assert.deepEqual(readName("a/b@v1.0"), named("v1.0"));
      assert.deepEqual(readName("gpt2@main"), { id: "gpt2", revision: "main" });
      assert.deepEqual(readName("a/b@refs/pr/7"), named("refs/pr/7"));
      assert.deepEqual(readName("a/b@refs%2Fpr%2F7"), named("refs/pr/7"));
      assert.deepEqual(readName("a/b@feature%2Fx"), named("feature/x"));
      assert.deepEqual(readName(`a/b@${"0".repeat(40)}`), named("0".repeat(40)));
      assert.deepEqual(readName("a/b@v1:Q4_K_M"), named("v1", { tag: "Q4_K_M" }));
      assert.deepEqual(readName("a/b@v1/sub/c.gguf"), named("v1", { gguf_file: "sub/c.gguf" }));
      assert.deepEqual(readName("a/b@refs/pr/1/c.gguf"), named("refs/pr/1", { gguf_file: "c.gguf" }));
      assert.deepEqual(readName("hf://a/b@v1/c.gguf"), named("v1", { gguf_file: "c.gguf" }));
      for (const odd of ["a/b@", "a/b@ ", "@v1", "a/b@v1@v2", "a/b@%", "a/b@a b"])
        assert.throws(() => readName(odd), { name: "HubError" }, odd);
    });

    it("is one with the options, which may not say another", async () => {
      for (const [model, options, option] of [
        ["a/b@v1", { revision: "v2" }, "revision"],
        ["a/b/c.gguf", { gguf_file: "d.gguf" }, "gguf_file"],
        ["https://huggingface.co/a/b/tree/main/x", { subfolder: "y" }, "subfolder"],
      ] as const)
        await assert.rejects(resolveModel(model, options), {
          name: "HubError",
          message: new RegExp(
            `^Expected one ${option} but received ".+" in the model's name and ".+" as the option ${option}\\.$`,
          ),
        });
    });
  });

  describe("as a page's address", () => {
    const hub = "https://huggingface.co";
    const { HF_ENDPOINT } = process.env;
    beforeEach(() => delete process.env.HF_ENDPOINT);
    afterEach(() => {
      delete process.env.HF_ENDPOINT;
      if (HF_ENDPOINT !== undefined) process.env.HF_ENDPOINT = HF_ENDPOINT;
    });

    it("is the model, with the revision, the folder and the GGUF file that it shows", () => {
      for (const [address, expected] of [
        [`${hub}/a/b`, {}],
        [`${hub}/a/b/`, {}],
        [`${hub}/a/b?library=transformers#usage`, {}],
        ["http://www.huggingface.co/a/b", {}],
        ["huggingface.co/a/b", {}],
        ["hf.co/a/b:Q4_K_M", { tag: "Q4_K_M" }],
        [`${hub}/models/a/b`, {}],
        [`${hub}/api/models/a/b`, {}],
        [`${hub}/api/models/a/b/revision/v1`, { revision: "v1" }],
        [`${hub}/a/b/tree/main`, { revision: "main" }],
        [`${hub}/a/b/tree/v1/sub/deep`, { revision: "v1", subfolder: "sub/deep" }],
        [`${hub}/a/b/tree/refs%2Fpr%2F7`, { revision: "refs/pr/7" }],
        [`${hub}/a/b/tree/refs/pr/7/sub`, { revision: "refs/pr/7", subfolder: "sub" }],
        [`${hub}/a/b/blob/main/config.json`, { revision: "main" }],
        [`${hub}/a/b/blob/main/sub/model.safetensors`, { revision: "main", subfolder: "sub" }],
        [`${hub}/a/b/resolve/main/q%20x/c.gguf?download=true`, { revision: "main", gguf_file: "q x/c.gguf" }],
        [`${hub}/a/b/blob/main/c.gguf`, { revision: "main", gguf_file: "c.gguf" }],
        [`${hub}/a/b/raw/v1/README.md`, { revision: "v1" }],
        [`${hub}/a/b/commit/${"0".repeat(40)}`, { revision: "0".repeat(40) }],
        [`${hub}/a/b/commits/main`, { revision: "main" }],
        [`${hub}/a/b/discussions/3`, {}],
        [`${hub}/a/b?show_file_info=c.gguf`, { gguf_file: "c.gguf" }],
        [`${hub}/a/b?show_file_info=model.safetensors`, {}],
      ] as const)
        assert.deepEqual(readName(address), { id: "a/b", ...expected }, address);
      assert.deepEqual(readName(`${hub}/gpt2`), { id: "gpt2" });
      assert.deepEqual(readName(`${hub}/gpt2/tree/main`), { id: "gpt2", revision: "main" });
    });

    it("may be another hub's where HF_ENDPOINT names that", () => {
      process.env.HF_ENDPOINT = "https://mirror.example:8443/hf/";
      const expected = { id: "a/b", revision: "main" };
      assert.deepEqual(readName("https://mirror.example:8443/hf/a/b/tree/main"), expected);
      assert.deepEqual(readName(`${hub}/a/b/tree/main`), expected);
    });

    it("of something else is refused with what it is", () => {
      for (const [address, message] of [
        ["https://example.com/a/b", /is on example\.com, which is no Hugging Face hub \(HF_ENDPOINT names another\)/],
        [`${hub}/datasets/a/b`, /is of the hub's datasets; expected a model's id \("owner\/name"\) or its address\.$/],
        [`${hub}/spaces/a/b`, /is of the hub's spaces/],
        [`${hub}/`, /names no model/],
        [`${hub}/a b/c`, /names no model/],
        [`${hub}/a/b/nothing/c`, /has "nothing" behind the model's name/],
        ["https://[", /is no address/],
        [`${hub}/a/%`, /is no name of a model/],
      ] as const)
        assert.throws(() => readName(address), { name: "HubError", message });
    });
  });
});
