/** Files that are none, and headers made to explode: each is answered by a sentence, soon, and in bounded memory. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { peak } from "../../peak";
import { AutoTokenizer } from "../../../src";
import { openWeights, readAdapter } from "../../../src/weights";
import { readConfig } from "../../../src/weights";
import {
  bytesOf,
  safetensors,
  safetensorsHeader,
  temporaryFolder,
  text,
  tinyConfig,
  tinyShapes,
  u32,
  u64,
  writeModel,
} from "./files";

describe("What is no file", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
    writeModel(folder, tinyConfig, safetensors(safetensorsHeader(tinyShapes()), bytesOf(tinyShapes())));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const weights = () => openWeights(folder);
  const tokenizer = () => AutoTokenizer.from_pretrained(folder);
  const readers: [name: string, read: () => Promise<unknown>][] = [
    ["config.json", weights],
    ["config.json", () => readConfig(folder)],
    ["generation_config.json", weights],
    ["model.safetensors", weights],
    ["tokenizer.json", tokenizer],
    ["tokenizer_config.json", tokenizer],
    ["special_tokens_map.json", tokenizer],
    ["chat_template.jinja", tokenizer],
    ["chat_template.json", tokenizer],
    ["additional_chat_templates/tool_use.jinja", tokenizer],
    ["adapter_config.json", () => readAdapter(folder)],
    ["adapter_model.safetensors", () => readAdapter(folder)],
  ];

  const smallTokenizer = {
    model: { type: "BPE", vocab: { "<unk>": 0, a: 1 }, merges: [], unk_token: "<unk>" },
    added_tokens: [],
  };
  for (const [name, read] of readers)
    it(`in place of ${name} is named: a pipe is not waited for, a device not read, a folder is none`, async () => {
      const file = join(folder, name);
      if (name !== "tokenizer.json") writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(smallTokenizer));
      const says = async (kind: string) => {
        await assert.rejects(read(), { name: "WeightsError", message: `${file} is a ${kind}; expected a file.` });
        rmSync(file, { recursive: true });
      };
      if (name === "adapter_model.safetensors")
        writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ peft_type: "LORA" }));
      mkdirSync(dirname(file), { recursive: true });
      rmSync(file, { force: true });
      execFileSync("mkfifo", [file]);
      await says("named pipe");
      symlinkSync("/dev/zero", file);
      await says("device");
      mkdirSync(file);
      await says("folder");
    });

  it("in place of an index, of a shard, of a GGUF file is named, too", async () => {
    rmSync(join(folder, "model.safetensors"));
    const index = join(folder, "model.safetensors.index.json");
    execFileSync("mkfifo", [index]);
    await assert.rejects(weights(), { message: `${index} is a named pipe; expected a file.` });
    rmSync(index);
    writeFileSync(index, JSON.stringify({ weight_map: { a: "one.safetensors" } }));
    const shard = join(folder, "one.safetensors");
    execFileSync("mkfifo", [shard]);
    await assert.rejects(weights(), { message: `${shard} is a named pipe; expected a file.` });
    const gguf = join(folder, "a.gguf");
    execFileSync("mkfifo", [gguf]);
    await assert.rejects(AutoTokenizer.from_pretrained(folder, { gguf_file: "a.gguf" }), {
      message: `${gguf} is a named pipe; expected a file.`,
    });
    await assert.rejects(openWeights(gguf), { message: `${gguf} is neither a folder nor a file.` });
  });

  it("such as a socket, or a file that may not be read, is named, too", async () => {
    const file = join(folder, "config.json");
    rmSync(file);
    const server = createServer();
    await new Promise<void>((done) => server.listen(file, done));
    try {
      await assert.rejects(weights(), { message: `${file} is a socket; expected a file.` });
    } finally {
      await new Promise((done) => server.close(done));
    }
    writeFileSync(file, "{}");
    truncateSync(file, 2 ** 40);
    await assert.rejects(weights(), { message: `${file} has 1099512 MB; expected at most 256 MB.` });
    truncateSync(join(folder, "model.safetensors"), 0);
  });
});

describe("A hostile header", function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = temporaryFolder();
  });
  after(() => rmSync(folder, { recursive: true }));
  const bytes = 8e6;
  const dist = resolve(__dirname, "../../../dist/src/weights");

  /** Reads a file in a process of its own: what it says, and by how many bytes the process grew. */
  const read = (file: string): { says: string; grew: number } => {
    const script = `
      const weights = ["safetensors.js", "gguf.js", "json.js", "index.js"].map((name) => require(${JSON.stringify(dist)} + "/" + name));
      const [{ readSafetensors }, { readGguf }, { readJson }, { readIndex }] = weights;
      const start = process.memoryUsage().rss;
      const file = ${JSON.stringify(file)};
      const reader = file.endsWith(".gguf") ? readGguf : file.endsWith("index.json") ? readIndex : file.endsWith(".json") ? readJson : readSafetensors;
      reader(file).then((found) => {
        for (const value of found?.metadata?.values() ?? []) if (value.strings) [value.strings(), value.numbers()];
        return "read";
      }, (error) => error.message).then((says) =>
        console.log(JSON.stringify({ says, grew: ${peak} * 1024 - start })));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 100_000 });
    assert.ok(stdout, stderr);
    return JSON.parse(stdout);
  };
  const bounded = (name: string, content: Buffer | string, says: RegExp): void => {
    const file = join(folder, name);
    writeFileSync(file, content);
    const found = read(file);
    assert.match(found.says, says);
    const most = 10 * content.length + 100e6;
    assert.ok(found.grew <= most, `${found.grew} bytes for ${content.length}, at most ${most}`);
  };
  /** So many pieces, each with its number, that they make the file's size. */
  const many = (piece: (i: number) => string): string => {
    const pieces: string[] = [];
    for (let i = 0, length = 0; length < bytes; i++) length += pieces[pieces.push(piece(i)) - 1]?.length ?? 0;
    return pieces.join("").slice(0, -1);
  };
  const key = (i: number) => JSON.stringify(i.toString(36));

  for (const [what, header, says] of [
    [
      "of as many tensors as it can name",
      () => `{${many((i) => `${key(i)}:{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`)}}`,
      /^read$/,
    ],
    ["of empty objects", () => `{${many((i) => `${key(i)}:{},`)}}`, /has the unknown dtype "undefined"/],
    ["of one tensor that is lists", () => `{"a":[${many(() => "[],")}]}`, /says nothing of use about the tensor "a"/],
    [
      "of metadata that is objects",
      () => `{"__metadata__":[${many(() => "{},")}]}`,
      /its __metadata__ is no object of texts/,
    ],
    ["of metadata that is keys", () => `{"__metadata__":{${many((i) => `${key(i)}:"",`)}}}`, /^read$/],
    ["of brackets", () => "[".repeat(bytes), /its header is no JSON object/],
    ["of a name", () => `{"${"a".repeat(bytes)}":0}`, /says nothing of use|nothing of use about the tensor "aaa/],
    ["of one text that does not end", () => `{"a":"${"\\".repeat(bytes)}`, /its header is not JSON/],
  ] as [string, () => string, RegExp][])
    it(`of safetensors, ${what}, takes at most ten times its bytes and 100 MB`, () => {
      bounded("a.safetensors", safetensors(header(), 0), says);
    });

  const gguf = (tensors: number, entries: number, ...rest: Buffer[]) =>
    Buffer.concat([Buffer.from("GGUF"), u32(3), u64(tensors), u64(entries), ...rest]);
  const counted = (count: number, piece: (i: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, i) => piece(i)));
  for (const [what, header, says] of [
    [
      "of a million entries",
      () =>
        gguf(
          0,
          1e6,
          counted(1e6, (i) => Buffer.concat([text(String(i)), u32(0), Buffer.alloc(1)])),
        ),
      /it claims 1000000 metadata entries, of which files have 65536 at most/,
    ],
    [
      "of a million tensors",
      () => gguf(1e6, 0, Buffer.alloc(bytes)),
      /it claims 1000000 tensors, of which files have 100000 at most/,
    ],
    [
      "of as many lists as it may have",
      () =>
        gguf(
          0,
          65_536,
          counted(65_536, (i) => Buffer.concat([text(String(i)), u32(9), u32(0), u64(0)])),
        ),
      /^read$/,
    ],
    [
      "of as many tensors as it may have",
      () => {
        const table = counted(1e5, (i) => Buffer.concat([text(String(i)), u32(1), u64(8), u32(0), u64(32 * i)]));
        const head = gguf(1e5, 0, table);
        return Buffer.concat([head, Buffer.alloc(((32 - (head.length % 32)) % 32) + 32e5)]);
      },
      /^read$/,
    ],
    ["of empty strings", () => gguf(0, 1, text("a"), u32(9), u32(8), u64(bytes / 8), Buffer.alloc(bytes)), /^read$/],
    ["of small numbers", () => gguf(0, 1, text("a"), u32(9), u32(0), u64(bytes), Buffer.alloc(bytes, 7)), /^read$/],
    [
      "of numbers beyond a double",
      () => gguf(0, 1, text("a"), u32(9), u32(10), u64(bytes / 8), Buffer.alloc(bytes, 255)),
      /^read$/,
    ],
  ] as [string, () => Buffer, RegExp][])
    it(`of GGUF, ${what}, takes at most ten times its bytes and 100 MB`, () => bounded("a.gguf", header(), says));

  for (const [what, content] of [
    ["objects", () => `{"a":[${many(() => "{},")}]}`],
    ["lists", () => `{"a":[${many(() => "[],")}]}`],
    ["short keys", () => `{${many((i) => `${key(i)}:0,`)}}`],
    ["digits", () => `{"a":[${many(() => "0,")}]}`],
  ] as [string, () => string][])
    it(`that is JSON of hardly more than ${what} is refused as that, in a config and in an index`, () => {
      for (const name of ["a.json", "a.index.json"]) bounded(name, content(), /hardly more than brackets and commas/);
    });

  it("that is JSON of one endless text, or of NaN beside it, is read", () => {
    bounded("a.json", `{"a":"${"\\\\".repeat(bytes / 2)}"}`, /^read$/);
    bounded("a.json", `{"b":NaN,"a":"${"\\\\".repeat(bytes / 2)}"}`, /^read$/);
    bounded("a.json", `{"a":"${"\\".repeat(bytes)}`, /holds no JSON object/);
  });
});
