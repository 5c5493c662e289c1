"""What one step of training costs in PyTorch: forward, backward, AdamW; batch 32.

python train.py lstm|cnn|vit [--steps N]             prints JSON
python train.py lstm|cnn|vit --ours PROGRAM [--rounds N]
    runs both in turn, each in a process of its own, and prints the medians and their ratio
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time


def measure(net, steps, threads):
    import torch

    from nets import BATCH, FULL, loss_of

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = FULL[net]()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    x, target = torch.rand(model.input), torch.rand(BATCH, 3) - 0.5
    times, cpu = [], 0.0
    for step in range(steps + 3):
        cpu_before, before = time.process_time(), time.monotonic()
        optimiser.zero_grad()
        loss = loss_of(model(x), target)
        loss.backward()
        optimiser.step()
        if step >= 3:
            times.append(1e3 * (time.monotonic() - before))
            cpu += 1e3 * (time.process_time() - cpu_before)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "step_ms": statistics.median(times),
        "cpu_ms": cpu / steps,
        "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def run(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net", choices=["lstm", "cnn", "vit"])
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ours", help="the pilothouse program to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    net, steps = arguments.net, str(arguments.steps)
    if not arguments.ours:
        print(json.dumps(measure(net, arguments.steps, arguments.threads)))
        return
    ours = [arguments.ours, "bench", "train", "--net", net, "--steps", steps, "--json"]
    theirs = [sys.executable, __file__, net, "--steps", steps]
    rounds = [(run(ours), run(theirs)) for _ in range(arguments.rounds)]
    print(f"{net}: {rounds[0][0]['parameters']} and {rounds[0][1]['parameters']} parameters")
    for key in ("step_ms", "cpu_ms", "rss_peak_mb"):
        pairs = [(a[key], b[key]) for a, b in rounds]
        ratios = sorted(a / b for a, b in pairs)
        a, b = (statistics.median(side) for side in zip(*pairs))
        ratio = statistics.median(ratios)
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        print(f"{key:<12} ours {a:8.1f}  PyTorch {b:8.1f}  ratio {ratio:.2f} ({spread})")


if __name__ == "__main__":
    main()
