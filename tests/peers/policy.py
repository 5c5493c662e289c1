"""How long one inference of a policy takes in Python's ONNX Runtime, on the same file.

python policy.py FOLDER [--steps N] [--threads N]          prints JSON, milliseconds
python policy.py FOLDER --ours PROGRAM [--rounds N]
    runs both in turn, each in a process of its own, and prints the medians and their ratios
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path

WARM = 20
TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int64)": "int64"}


def measure(folder, steps, threads):
    import numpy
    import onnxruntime

    manifest = tomllib.loads((folder / "policy.toml").read_text())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(folder / manifest["graph"]), options, providers=["CPUExecutionProvider"]
    )
    random = numpy.random.default_rng(1)
    feed = {}
    for tensor in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in tensor.shape]
        value = numpy.zeros(shape, TYPES[tensor.type])
        if tensor.name == manifest["image"]["input"]:
            scale = 255 if tensor.type == "tensor(uint8)" else 1
            value = (random.random(shape) * scale).astype(TYPES[tensor.type])
        feed[tensor.name] = value
    times = []
    for step in range(steps + WARM):
        before = time.perf_counter()
        session.run(None, feed)
        if step >= WARM:
            times.append(1e3 * (time.perf_counter() - before))
    times.sort()
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


def run(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ours", help="the pilothouse program to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    folder, options = str(arguments.folder), []
    for name in ("steps", "threads"):
        options += [f"--{name}", str(getattr(arguments, name))]
    if not arguments.ours:
        print(json.dumps(measure(arguments.folder, arguments.steps, arguments.threads)))
        return
    ours = [arguments.ours, "bench", "policy", folder, "--json", *options]
    theirs = [sys.executable, __file__, folder, *options]
    rounds = [(run(ours)[0]["graph"], run(theirs)) for _ in range(arguments.rounds)]
    for key in ("p50", "p99"):
        pairs = [(a[key], b[key]) for a, b in rounds]
        ratios = sorted(a / b for a, b in pairs)
        a, b = (statistics.median(side) for side in zip(*pairs))
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        ratio = statistics.median(ratios)
        print(f"{key} ours {a:.3f} ms  Python {b:.3f} ms  ratio {ratio:.2f} ({spread})")


if __name__ == "__main__":
    main()
