"""Generation as transformers does it: what each LogitsProcessor makes of scores, and what generate() gives.

    python make_generation.py            # writes generation.json beside this file, of the models in tiny/

-inf stands as a string. Greedy runs whose two best scores come closer than 1e-3 are refused.
"""

import json
import math
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.generation import (
    EncoderNoRepeatNGramLogitsProcessor,
    EncoderRepetitionPenaltyLogitsProcessor,
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    ExponentialDecayLengthPenalty,
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    InfNanRemoveLogitsProcessor,
    LogitNormalization,
    LogitsProcessorList,
    MinNewTokensLengthLogitsProcessor,
    MinPLogitsWarper,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopHLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

HERE = Path(__file__).parent
PROMPT = [5, 77, 130, 9, 201, 64, 33, 150, 8, 91, 12, 180]
SHORT = PROMPT[:5]
MAKE = {
    "repetition_penalty": lambda value, case: RepetitionPenaltyLogitsProcessor(value),
    "min_new_tokens": lambda value, case: MinNewTokensLengthLogitsProcessor(
        case["prompt_length"], value, case["eos_token_id"], device="cpu"),
    "temperature": lambda value, case: TemperatureLogitsWarper(value),
    "top_k": lambda value, case: TopKLogitsWarper(value),
    "top_p": lambda value, case: TopPLogitsWarper(value),
    "top_h": lambda value, case: TopHLogitsWarper(value),
    "min_p": lambda value, case: MinPLogitsWarper(value),
    "typical_p": lambda value, case: TypicalLogitsWarper(value),
    "epsilon_cutoff": lambda value, case: EpsilonLogitsWarper(value),
    "eta_cutoff": lambda value, case: EtaLogitsWarper(value),
    "encoder_repetition_penalty": lambda value, case: EncoderRepetitionPenaltyLogitsProcessor(
        value, torch.tensor([IDS[: case["prompt_length"]]])),
    "no_repeat_ngram_size": lambda value, case: NoRepeatNGramLogitsProcessor(value),
    "encoder_no_repeat_ngram_size": lambda value, case: EncoderNoRepeatNGramLogitsProcessor(
        value, torch.tensor([IDS[: case["prompt_length"]]])),
    "bad_words_ids": lambda value, case: NoBadWordsLogitsProcessor(value, case["eos_token_id"]),
    "sequence_bias": lambda value, case: SequenceBiasLogitsProcessor(value),
    "suppress_tokens": lambda value, case: SuppressTokensLogitsProcessor(value),
    "begin_suppress_tokens": lambda value, case: SuppressTokensAtBeginLogitsProcessor(value, case["prompt_length"]),
    "forced_bos_token_id": lambda value, case: ForcedBOSTokenLogitsProcessor(value),
    "forced_eos_token_id": lambda value, case: ForcedEOSTokenLogitsProcessor(
        case["prompt_length"] + case["max_new_tokens"], value),
    "exponential_decay_length_penalty": lambda value, case: ExponentialDecayLengthPenalty(
        value, case["eos_token_id"], case["prompt_length"]),
    "remove_invalid_values": lambda value, case: InfNanRemoveLogitsProcessor(),
    "renormalize_logits": lambda value, case: LogitNormalization(),
}
IDS = [7, 3, 3, 17, 25, 7]
ONE = {"ids": IDS[:1], "prompt_length": 1}
NEW = {"ids": IDS[:4], "prompt_length": 4}
SETTINGS = [
    {"repetition_penalty": 1.3}, {"repetition_penalty": 0.7}, {"min_new_tokens": 3}, {"min_new_tokens": 2},
    {"temperature": 0.7}, {"temperature": 5.0}, {"top_k": 1}, {"top_k": 5}, {"top_k": 39}, {"top_k": 40},
    {"top_k": 1000}, {"top_p": 0.9}, {"top_p": 0.5}, {"top_p": 0.01}, {"top_p": 0.0}, {"top_p": 0.999},
    {"temperature": 0.6, "top_k": 10}, {"temperature": 2.0, "top_p": 0.8}, {"top_k": 7, "top_p": 0.6},
    {"repetition_penalty": 1.2, "min_new_tokens": 4, "temperature": 0.8, "top_k": 20, "top_p": 0.85},
    {"top_h": 0.2}, {"top_h": 0.3}, {"top_h": 0.8}, {"temperature": 1.5, "top_h": 0.6, "top_k": 6}, {"min_p": 0.0}, {"min_p": 0.1}, {"min_p": 0.02}, {"min_p": 1.0}, {"typical_p": 0.2}, {"typical_p": 0.5},
    {"typical_p": 0.95}, {"epsilon_cutoff": 0.01}, {"epsilon_cutoff": 0.9}, {"eta_cutoff": 0.02}, {"eta_cutoff": 0.3},
    {"top_k": 12, "top_p": 0.9, "min_p": 0.05, "typical_p": 0.8, "epsilon_cutoff": 0.01, "eta_cutoff": 0.01},
    {"temperature": 0.5, "min_p": 0.05}, {"top_k": 5, "renormalize_logits": True}, {"renormalize_logits": True},
    {"encoder_repetition_penalty": 1.5}, {"encoder_repetition_penalty": 0.5}, {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2}, {"no_repeat_ngram_size": 3}, {"no_repeat_ngram_size": 9},
    {"encoder_no_repeat_ngram_size": 1}, {"encoder_no_repeat_ngram_size": 2}, {"encoder_no_repeat_ngram_size": 5},
    {"bad_words_ids": [[5], [17], [25, 7, 11], [7, 30], [1, 2, 3, 4, 5, 6, 7, 8]]},
    {"sequence_bias": [[[5], -3.0], [[7, 6], 2.5], [[25, 7, 6], 1.5], [[3, 8], 9.0]]},
    {"suppress_tokens": [6, 20, 0]}, {"begin_suppress_tokens": [6, 20]}, {"begin_suppress_tokens": [6, 20], **NEW},
    {"forced_bos_token_id": 9}, {"forced_bos_token_id": 9, **ONE}, {"begin_suppress_tokens": [6], **ONE},
    {"forced_eos_token_id": [2, 17], "max_new_tokens": 3}, {"forced_eos_token_id": 2, "max_new_tokens": 4},
    {"exponential_decay_length_penalty": (1, 1.5)}, {"exponential_decay_length_penalty": (2, 1.5)},
    {"bad_words_ids": [[6], [20]], "remove_invalid_values": True},
    {"sequence_bias": [[[6], -1.0]], "repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "min_new_tokens": 3,
     "suppress_tokens": [4], "temperature": 0.7, "top_k": 9, "renormalize_logits": True},
]
#: Of a case, not of its processors.
ABOUT = {"ids": IDS, "prompt_length": 4, "max_new_tokens": None}


def numbers(tensor):
    return [x if math.isfinite(x) else str(x) for x in tensor.float().flatten().tolist()]


def processors():
    torch.manual_seed(3)
    scores = torch.randn(40) * 3
    scores[[4, 9, 30]] = scores[17].item()  # equals
    cases = []
    for given in SETTINGS:
        settings = {name: value for name, value in given.items() if name not in ABOUT}
        about = {name: given.get(name, value) for name, value in ABOUT.items()}
        case = {"settings": settings, "eos_token_id": [17, 2], **about}
        # The order in which transformers' generate() applies them.
        steps = LogitsProcessorList(MAKE[name](value, case) for name, value in settings.items())
        cases.append({**case, "result": numbers(steps(torch.tensor([case["ids"]]), scores[None].clone()))})
    return {"scores": numbers(scores), "cases": cases}


def gap(scores):
    top = torch.stack(list(scores)).topk(2, -1).values
    return (top[..., 0] - top[..., 1]).min().item()


def told(tensor):
    return {"dims": list(tensor.shape), "data": numbers(tensor)}


def greedy(model):
    cases = []
    for options in (
        {"repetition_penalty": 1.5}, {"repetition_penalty": 0.8}, {"min_new_tokens": 10, "eos_token_id": [202, 53]},
        {"eos_token_id": [202]}, {"eos_token_id": 40}, {"repetition_penalty": 1.2, "min_new_tokens": 8, "eos_token_id": [99, 21]},
    ):
        out = model.generate(torch.tensor([PROMPT]), attention_mask=torch.ones(1, len(PROMPT), dtype=torch.long),
                             do_sample=False, max_new_tokens=24,
                             output_scores=True, return_dict_in_generate=True, **options)
        assert gap(out.scores) > 1e-3, options
        cases.append({"options": options, "tokens": out.sequences[0, len(PROMPT):].tolist()})
    return cases


def batch(model):
    """A row padded on the left beside a whole one."""
    padding = len(PROMPT) - len(SHORT)
    ids = torch.tensor([PROMPT, [0] * padding + SHORT])
    mask = torch.tensor([[1] * len(PROMPT), [0] * padding + [1] * len(SHORT)])
    with torch.no_grad():
        logits = model(ids, attention_mask=mask).logits
    out = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=12, eos_token_id=202, pad_token_id=0,
                         output_scores=True, return_dict_in_generate=True)
    return {"input_ids": ids.tolist(), "attention_mask": mask.tolist(), "logits": told(logits[:, -1]),
            "sequences": out.sequences.tolist()}


def outputs(model):
    """All that generate() tells of three tokens."""
    out = model.generate(torch.tensor([SHORT]), attention_mask=torch.ones(1, len(SHORT), dtype=torch.long),
                         do_sample=False, max_new_tokens=3, repetition_penalty=1.1,
                         return_dict_in_generate=True, output_scores=True, output_logits=True,
                         output_hidden_states=True, output_attentions=True)
    return {
        "input_ids": SHORT, "sequences": out.sequences.tolist(), "scores": [told(x) for x in out.scores],
        "logits": [told(x) for x in out.logits], "hidden_states": [[told(x) for x in step] for step in out.hidden_states],
        "attentions": [[told(x) for x in step] for step in out.attentions],
    }


def main():
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(
        HERE / "tiny" / "multi_head", dtype=torch.float32, attn_implementation="eager").eval()
    golden = {"processors": processors(), "model": "multi_head", "greedy": greedy(model), "batch": batch(model),
              "outputs": outputs(model)}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (HERE / "generation.json").write_text(f"{{\n{lines}\n}}\n")
    for case in golden["greedy"]:
        print(case)


if __name__ == "__main__":
    main()
