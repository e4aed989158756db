/** The files of a small model on the hub. */
import { randomBytes } from "node:crypto";

export const commit = "0123456789abcdef0123456789abcdef01234567";
export const id = "acme/tiny";

/** A header as safetensors has it, and noise: nobody opens the weights here. */
export function modelFiles(): Record<string, Buffer> {
  const map = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };
  return {
    "config.json": Buffer.from('{"model_type": "phi3"}'),
    "generation_config.json": Buffer.from('{"eos_token_id": [7]}'),
    "tokenizer.json": randomBytes(5000),
    "tokenizer_config.json": Buffer.from("{}"),
    "model.safetensors.index.json": Buffer.from(
      JSON.stringify({ weight_map: map, metadata: { note: "x".repeat(100) } }),
    ),
    "model-00001-of-00002.safetensors": randomBytes(3_000_000),
    "model-00002-of-00002.safetensors": randomBytes(70_000),
    "pytorch_model.bin": randomBytes(200),
    "README.md": Buffer.from("hello"),
    "small/config.json": Buffer.from("{}"),
    "small/model.safetensors": randomBytes(300),
    "q/tiny-Q4_0.gguf": randomBytes(1000),
  };
}
