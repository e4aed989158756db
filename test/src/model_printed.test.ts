/** A model as text: the tree of its modules, as PyTorch prints it, and the number of its weights. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { AutoModelForCausalLM, type Phi3ForCausalLM } from "../../src";
import { modelTree } from "../../src/model/tree";
import type { ModelConfig } from "../../src/native";
import { folder } from "./multi_head";

/** The tree that the book shows of Phi-3-mini-4k-instruct. */
const phi3Tree = `Phi3ForCausalLM(
  (model): Phi3Model(
    (embed_tokens): Embedding(32064, 3072, padding_idx=32000)
    (embed_dropout): Dropout(p=0.0, inplace=False)
    (layers): ModuleList(
      (0-31): 32 x Phi3DecoderLayer(
        (self_attn): Phi3Attention(
          (o_proj): Linear(in_features=3072, out_features=3072, bias=False)
          (qkv_proj): Linear(in_features=3072, out_features=9216, bias=False)
          (rotary_emb): Phi3RotaryEmbedding()
        )
        (mlp): Phi3MLP(
          (gate_up_proj): Linear(in_features=3072, out_features=16384, bias=False)
          (down_proj): Linear(in_features=8192, out_features=3072, bias=False)
          (activation_fn): SiLU()
        )
        (input_layernorm): Phi3RMSNorm()
        (resid_attn_dropout): Dropout(p=0.0, inplace=False)
        (resid_mlp_dropout): Dropout(p=0.0, inplace=False)
        (post_attention_layernorm): Phi3RMSNorm()
      )
    )
    (norm): Phi3RMSNorm()
  )
  (lm_head): Linear(in_features=3072, out_features=32064, bias=False)
)`;
const phi3: ModelConfig = {
  model_type: "phi3",
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  head_dim: 96,
  vocab_size: 32064,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  rope_parameters: { rope_type: "default", rope_theta: 10000, partial_rotary_factor: 1 },
  sliding_window: 2047,
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: [32000, 32001, 32007],
  pad_token_id: 32000,
};

describe("a model prints", function () {
  this.timeout(60_000);
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(folder, { device: "cpu" });
  });
  after(() => model.dispose());

  it("as the book shows Phi-3-mini", () => assert.equal(modelTree(phi3), phi3Tree));

  it("with its own sizes", () => {
    const text = String(model);
    assert.equal(inspect(model), text);
    assert.match(text, /\(embed_tokens\): Embedding\(211, 48, padding_idx=0\)/);
    assert.match(text, /\(0-2\): 3 x Phi3DecoderLayer/);
    assert.match(String(model.model), /^Phi3Model\(\n {2}\(embed_tokens\)[\s\S]*\n\)$/);
    assert.equal(String(model.lm_head), "Linear(in_features=48, out_features=211, bias=False)");
  });

  it("and counts its weights", () => {
    assert.equal(model.num_parameters(), 2 * 211 * 48 + 3 * (48 * (3 * 48) + 48 * 48 + 3 * 48 * 88 + 2 * 48) + 48);
    assert.ok(model.memory().weights >= 4 * model.num_parameters());
  });
});
