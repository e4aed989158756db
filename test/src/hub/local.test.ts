/** Models in folders and .gguf files of this disk. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { resolveModel } from "../../../src/hub";
import { rejects } from "./sandbox";

describe("a model on this disk", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-local-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (...files: string[]): void => {
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), "{}");
    }
  };
  const gguf = (file: string) => ({
    folder: dirname(join(folder, file)),
    gguf: join(folder, file),
    path: join(folder, file),
  });
  const itself = (path = folder) => ({ folder: path, path });

  it("is a folder with config.json or tokenizer.json, whatever GGUF files lie beside them", async () => {
    write("config.json", "m-Q4_K_M.gguf");
    assert.deepEqual(await resolveModel(folder), itself());
    rmSync(join(folder, "config.json"));
    write("tokenizer.json");
    assert.deepEqual(await resolveModel(folder), itself());
    assert.deepEqual(await resolveModel(folder, { gguf_file: "m-Q4_K_M.gguf" }), gguf("m-Q4_K_M.gguf"));
  });

  it("is a file, or the folder's GGUF file that the rule chooses", async () => {
    write("m.gguf");
    assert.deepEqual(await resolveModel(join(folder, "m.gguf")), gguf("m.gguf"));
    assert.deepEqual(await resolveModel(folder), gguf("m.gguf"));
    write("m-Q8_0.gguf", "m-q4.gguf", "mmproj-m.gguf");
    assert.deepEqual(await resolveModel(folder), gguf("m-q4.gguf"));
  });

  it("lies in a subfolder where that is said", async () => {
    write("config.json", "sub/config.json", "quants/m.gguf");
    assert.deepEqual(await resolveModel(folder, { subfolder: "sub" }), itself(join(folder, "sub")));
    assert.deepEqual(await resolveModel(folder, { subfolder: "quants" }), gguf("quants/m.gguf"));
    assert.deepEqual(await resolveModel(folder, { gguf_file: "quants/m.gguf" }), gguf("quants/m.gguf"));
    await rejects(resolveModel(folder, { subfolder: "none" }), /^\/.+ has no folder "none"\.$/);
  });

  it("may stand below ~, the user's folder", async () => {
    const { HOME } = process.env;
    process.env.HOME = folder;
    try {
      write("m.gguf");
      assert.deepEqual(await resolveModel("~/m.gguf"), gguf("m.gguf"));
    } finally {
      process.env.HOME = HOME;
    }
  });

  it("is missed with a sentence that says what is there instead", async () => {
    await rejects(
      resolveModel(folder),
      /holds no model: neither config\.json nor tokenizer\.json nor a \.gguf file\.$/,
    );
    await rejects(resolveModel(folder, { gguf_file: "a.gguf" }), /^\/.+ has no a\.gguf\.$/);
    write("b-Q8_0.gguf", "c-Q6_K.gguf");
    await rejects(
      resolveModel(folder, { gguf_file: "a.gguf" }),
      /has no a\.gguf; it has b-Q8_0\.gguf, c-Q6_K\.gguf\.$/,
    );
    await rejects(resolveModel(folder), /holds 2 GGUF files; choose one as gguf_file: b-Q8_0\.gguf, c-Q6_K\.gguf\.$/);
    write("adapter_config.json");
    await rejects(
      resolveModel(folder),
      /holds an adapter, no model; load the model that it is for, with \{ adapter: "\/.+" \}\.$/,
    );
    // The adapter itself is looked at by who loads it.
    assert.deepEqual(await resolveModel(folder, { only: "adapter" }), itself());
    assert.deepEqual(await resolveModel(folder, { only: "adapter", subfolder: "x" }), itself(join(folder, "x")));
  });
});
