"""1,000 random timings as IPython prints them: ipython.json beside this file.

    python make_ipython.py
"""

import json
import random
from pathlib import Path

from IPython.core.magics.execution import TimeitResult, _format_time


def main():
    random.seed(20)
    results = []
    for _ in range(1000):
        loops = random.choice([1, 2, 7, 10, 100, 1000, 12345, 10**6, 10**9])
        repeat = random.choice([1, 2, 3, 7, 20])
        precision = random.choice([3, 3, 3, 1, 2, 4, 5, 8])
        scale = 10 ** random.uniform(-10, 5)
        runs = [scale * loops * random.uniform(0.7, 1.3) for _ in range(repeat)]
        if random.random() < 0.1:
            runs = [runs[0]] * repeat
        result = TimeitResult(loops, repeat, min(runs) / loops, max(runs) / loops, runs, 0.0, precision)
        results.append({"loops": loops, "repeat": repeat, "precision": precision, "runs": runs, "text": str(result)})
    spans = [0.0, 59.9999, 60.0, 61.5, 3600.0, 3661.0, 90061.0, 1e-12, 1e-9, 9.995e-7, 1e-6, 0.001, 0.9999, 0.99951, 1.0]
    spans += [10 ** random.uniform(-11, 6) for _ in range(300)]
    times = [{"seconds": s, "precision": p, "text": _format_time(s, p)} for s in spans for p in (3, 4, 1)]
    (Path(__file__).parent / "ipython.json").write_text(json.dumps({"results": results, "times": times}) + "\n")


if __name__ == "__main__":
    main()
