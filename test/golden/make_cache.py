"""What transformers computes from call to call: caches with masks and positions, vectors in place of ids, some logits only.

    python make_cache.py            # writes cache.json beside this file, of the model multi_head in tiny/

Numbers that a call gives are its logits, (rows, T, vocab) flattened.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, DynamicCache

HERE = Path(__file__).parent
PROMPT = [5, 77, 130, 9, 201, 64, 33]
SHORT = [12, 180, 91]
LEAST_GAP = 1e-3


def told(tensor):
    return {"dims": list(tensor.shape), "data": [round(x, 6) for x in tensor.float().flatten().tolist()]}


def main():
    torch.set_num_threads(1)
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_pretrained(
        HERE / "tiny" / "multi_head", dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.tensor([PROMPT])
    padded = torch.tensor([PROMPT, [0] * (len(PROMPT) - len(SHORT)) + SHORT])
    mask = torch.tensor([[1] * len(PROMPT), [0] * (len(PROMPT) - len(SHORT)) + [1] * len(SHORT)])
    more = torch.tensor([[40, 41, 42], [50, 51, 52]])
    embeds = torch.randn(2, 5, model.config.hidden_size) * model.get_input_embeddings().weight.std()
    golden = {"prompt": PROMPT, "padded": padded.tolist(), "mask": mask.tolist(), "more": more.tolist(),
              "embeds": told(embeds)}

    def positions(of):
        return (of.cumsum(-1) - 1).clamp(min=0)

    with torch.no_grad():
        shifted = torch.arange(len(PROMPT))[None] + 20
        golden["shifted"] = told(model(ids, position_ids=shifted).logits)
        golden["keep_two"] = told(model(ids, logits_to_keep=2).logits)
        golden["keep_some"] = told(model(ids, logits_to_keep=torch.tensor([0, 3, 6])).logits)
        first = model(padded, attention_mask=mask, position_ids=positions(mask), use_cache=True)
        whole = torch.cat([mask, torch.ones(2, 3, dtype=torch.long)], 1)
        second = model(more, attention_mask=whole, position_ids=positions(whole)[:, -3:],
                       past_key_values=first.past_key_values)
        golden["behind"] = told(second.logits)
        golden["length"] = second.past_key_values.get_seq_length()
        golden["vectors"] = told(model(inputs_embeds=embeds).logits)

    def generate(**options):
        out = model.generate(do_sample=False, eos_token_id=None, pad_token_id=0, return_dict_in_generate=True,
                             output_scores=True, **options)
        top = torch.stack(out.scores).topk(2, -1).values
        assert (top[..., 0] - top[..., 1]).min().item() > LEAST_GAP, options
        return out

    one = embeds[:1]
    golden["from_vectors"] = generate(inputs_embeds=one, attention_mask=torch.ones(1, 5), max_new_tokens=6).sequences.tolist()
    beams = model.generate(inputs_embeds=one, attention_mask=torch.ones(1, 5), max_new_tokens=6, num_beams=3,
                           do_sample=False, eos_token_id=None)
    golden["beams_from_vectors"] = beams.tolist()
    # Two turns of two conversations: the second goes on from what the first one's cache holds.
    turn = generate(input_ids=padded, attention_mask=mask, max_new_tokens=4)
    text = torch.cat([turn.sequences, more], 1)
    whole = torch.cat([mask, torch.ones(2, 7, dtype=torch.long)], 1)
    held = turn.past_key_values.get_seq_length()
    again = generate(input_ids=text, attention_mask=whole, past_key_values=turn.past_key_values, max_new_tokens=5)
    golden["turns"] = {"one": turn.sequences.tolist(), "held": held, "text": text.tolist(), "mask": whole.tolist(),
                       "two": again.sequences.tolist()}
    empty = DynamicCache()
    generate(input_ids=ids, attention_mask=torch.ones_like(ids), past_key_values=empty, max_new_tokens=3)
    golden["filled"] = empty.get_seq_length()
    empty.crop(-2)
    golden["cropped"] = empty.get_seq_length()
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (HERE / "cache.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
