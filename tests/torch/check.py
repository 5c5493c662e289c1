"""Holds ONNX files to the ONNX checker and to ONNX Runtime: python check.py FOLDER

Every .onnx file in FOLDER passes the checker, types and shapes inferred; where NAME.inputs.json
and NAME.outputs.json lie beside it, Python's ONNX Runtime gives these outputs for these inputs.
"""

import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

# What two builds of the same kernels may differ by.
TOLERANCE = 1e-5

files = sorted(Path(sys.argv[1]).glob("*.onnx"))
assert files, "there is nothing to check"
for file in files:
    onnx.checker.check_model(str(file), full_check=True)
    inputs, outputs = (file.with_suffix(f".{kind}.json") for kind in ("inputs", "outputs"))
    compared = 0
    if inputs.exists():
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        feed = {
            name: numpy.array(tensor["elements"], tensor["type"]).reshape(tensor["shape"])
            for name, tensor in json.loads(inputs.read_text()).items()
        }
        wanted = json.loads(outputs.read_text())
        for name, found in zip(wanted, session.run(list(wanted), feed), strict=True):
            expected = numpy.array(wanted[name], "float32")
            numpy.testing.assert_allclose(
                found.flatten(), expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{file} {name}"
            )
            compared += 1
    print(f"{file.name}: checked, {compared} outputs compared")
