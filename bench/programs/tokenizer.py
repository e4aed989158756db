"""Encodes a text and decodes its ids by the Rust library: for each line {folder} one line of times, in milliseconds."""

import json
import os
import sys
import time

from tokenizers import Tokenizer, __version__

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    text = file.read()
loaded = {}
print(json.dumps({"program": f"tokenizers {__version__}"}), flush=True)
for line in sys.stdin:
    folder = json.loads(line)["folder"]
    if folder not in loaded:
        loaded[folder] = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    begin = time.perf_counter()
    ids = loaded[folder].encode(text).ids
    middle = time.perf_counter()
    loaded[folder].decode(ids)
    end = time.perf_counter()
    print(json.dumps({"ids": len(ids), "encode": (middle - begin) * 1e3, "decode": (end - middle) * 1e3}), flush=True)
