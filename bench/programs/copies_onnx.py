"""ONNX weights for transformers.js, as the hub has them beside a model: FOLDER OUT.

OUT gets config.json, tokenizer.json, onnx/model.onnx (float32) and onnx/model_quantized.onnx (products in int8, as
transformers.js' dtype "q8" names it) of a folder of safetensors. Needs optimum-onnx.
"""

import shutil
import sys
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic
from optimum.exporters.onnx import main_export

source, out = map(Path, sys.argv[1:])
part = out.with_name(out.name + ".part")  # so that what lies under `out` is whole
shutil.rmtree(part, ignore_errors=True)
(part / "onnx").mkdir(parents=True)
main_export(str(source), part / "export", task="text-generation-with-past", do_validation=False)
for path in (part / "export").glob("model.onnx*"):
    path.rename(part / "onnx" / path.name)
shutil.rmtree(part / "export")
for name in ("config.json", "tokenizer.json"):
    shutil.copy(source / name, part / name)
quantize_dynamic(part / "onnx" / "model.onnx", part / "onnx" / "model_quantized.onnx", weight_type=QuantType.QInt8)
part.rename(out)
