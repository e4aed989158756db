"""What transformers finds inside SmolLM2-135M-Instruct's GGUF in float32: its modules on vectors, the logit lens, log-probabilities.

    python make_insight.py FILE.gguf            # writes insight.json beside this file

Modules are called as PyTorch calls them; what happens within a pass is caught by forward hooks. The lens is
lm_head(norm(h)) of every block's output before the final norm.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
CAPITAL = "The capital of France is"
SCORED = "Weather: ☀️🌧️⛄. El agua es importante; 日本語も。\n\tA quick brown fox jumps over the lazy dog."
LAYER, ATTENDING = 3, 18
STRIDE = 37  # of a vector's numbers, every so many are kept


def planted(rows, cols):
    """Numbers in [-1, 1] that any language makes alike."""
    i = torch.arange(rows * cols, dtype=torch.int64)
    return (((i * 7919 + 31) % 211 - 105).to(torch.float32) / 105).view(rows, cols)


def kept(tensor):
    return [round(x, 9) for x in tensor.reshape(-1)[::STRIDE].tolist()]


def summary(logits, k):
    """Of rows of scores: ids and log-probabilities of the k best, and the entropy."""
    logs = logits.double().log_softmax(-1)
    best = logs.topk(k, -1)
    entropy = -(logs.exp() * logs).sum(-1)
    return {"ids": best.indices.tolist(), "log_probs": rounded(best.values), "entropy": rounded(entropy)}, logs


def rounded(tensor):
    if tensor.dim() == 0:
        return round(tensor.item(), 7)
    return [rounded(part) for part in tensor]


def rank(logits, token):
    """1 + how many scores are greater; equal ones with a smaller id go before."""
    x = logits[..., token : token + 1]
    before = (logits[..., :token] >= x).sum(-1) + (logits[..., token + 1 :] > x).sum(-1)
    return (1 + before).tolist()


def modules(model):
    layer = model.model.layers[LAYER]
    named = {
        "norm": model.model.norm,
        "lm_head": model.lm_head,
        "input_layernorm": layer.input_layernorm,
        "post_attention_layernorm": layer.post_attention_layernorm,
        "self_attn.q_proj": layer.self_attn.q_proj,
        "self_attn.k_proj": layer.self_attn.k_proj,
        "self_attn.v_proj": layer.self_attn.v_proj,
        "self_attn.o_proj": layer.self_attn.o_proj,
        "mlp.gate_proj": layer.mlp.gate_proj,
        "mlp.up_proj": layer.mlp.up_proj,
        "mlp.down_proj": layer.mlp.down_proj,
        "mlp": layer.mlp,
    }
    widths = {"mlp.down_proj": model.config.intermediate_size}
    out = {name: kept(module(planted(3, widths.get(name, model.config.hidden_size)))) for name, module in named.items()}
    return out | {"embed_tokens": kept(model.model.embed_tokens(torch.tensor([504, 7042, 0])))}


def hooked(model, ids):
    """Every block's output before the final norm, what attention and the MLP add, and one layer's weights."""
    caught, handles = {}, []

    def catch(name, module):
        take = lambda _m, _i, output: caught.__setitem__(name, (output[0] if isinstance(output, tuple) else output).detach())
        handles.append(module.register_forward_hook(take))

    catch("model.embed_tokens", model.model.embed_tokens)
    for i, layer in enumerate(model.model.layers):
        catch(f"model.layers.{i}", layer)
        catch(f"model.layers.{i}.self_attn.o_proj", layer.self_attn.o_proj)
        catch(f"model.layers.{i}.mlp.down_proj", layer.mlp.down_proj)
    output = model(torch.tensor([ids]), output_attentions=True)
    for handle in handles:
        handle.remove()
    return caught, output


def lens(model, caught, watch):
    names = ["model.embed_tokens"] + [f"model.layers.{i}" for i in range(model.config.num_hidden_layers)]
    hidden = torch.cat([caught[name].reshape(-1, model.config.hidden_size).unsqueeze(0) for name in names])  # (L, T, hidden)
    logits = model.lm_head(model.model.norm(hidden))
    out, logs = summary(logits, 5)
    kl = (logs[-1:].exp() * (logs[-1:] - logs)).sum(-1)
    watched = [{"id": t, "rank": rank(logits, t), "log_prob": rounded(logs[..., t])} for t in watch]
    return out | {"kl": rounded(kl), "watch": watched}


def scores(model, ids):
    logits = model(torch.tensor([ids])).logits[0, :-1]
    best, logs = summary(logits, 3)
    out = {"top_ids": best.pop("ids")} | best
    picked = [logs[i, t].item() for i, t in enumerate(ids[1:])]
    ranks = [rank(logits[i], t) for i, t in enumerate(ids[1:])]
    return out | {"token_log_probs": [round(x, 7) for x in picked], "ranks": ranks, "total": round(sum(picked), 6)}


def main():
    torch.set_num_threads(1)
    gguf = Path(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        ids = tokenizer(CAPITAL).input_ids
        caught, output = hooked(model, ids)
        intermediates = {name: kept(caught[name]) for name in caught if name.startswith(("model.embed", "model.layers.7", "model.layers.29"))}
        weights = [[round(x, 8) for x in row] for row in output.attentions[ATTENDING][0].flatten(0, 1).tolist()]
        prose = json.loads((HERE / "prose.json").read_text())["ids"]
        logits = model(torch.tensor([prose])).logits[0, :-1].double()
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(prose[1:])).item()
        text, steps = list(ids), []
        for _ in range(6):
            last, _logs = summary(model(torch.tensor([text])).logits[0, -1], 4)
            steps.append(last)
            text.append(last["ids"][0])
        golden = {
            "ids": ids,
            "modules": modules(model),
            "intermediates": intermediates,
            "attentions": weights,
            "lens": lens(model, caught, [7042, 4528]),
            "scored": {"text": SCORED, "ids": tokenizer(SCORED).input_ids} | scores(model, tokenizer(SCORED).input_ids),
            "prose_perplexity": torch.tensor(loss).exp().item(),
            "generated": steps,
        }
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in golden.items())
    (HERE / "insight.json").write_text("{\n" + lines + "\n}\n")
    print("perplexity", golden["prose_perplexity"], "ranks of Paris", [row[-1] for row in golden["lens"]["watch"][0]["rank"]])


main()
