"""LeRobot's loader, measured: python load.py ROOT [--batches N]

Shuffled batches of 32 frames with their columns, as training takes them: in the size they were
recorded and resized, in the loading process and with two workers. Prints JSON. Each case has a
process of its own: a worker must not be forked from a process that has decoded.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lerobot"))

import offline  # noqa: E402, F401

BATCH = 32
# Pixels a side, none for as recorded; workers; PyTorch threads, none for its default. Where cores
# are busy, its threads wait for each other in loops: one alone is then many times faster.
CASES = [
    (size, workers, threads)
    for size in (None, 96, 224)
    for workers, threads in ((0, None), (0, 1), (2, None))
]


def cpu_s():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(root, size, workers, threads, n_batches):
    import torch
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from lerobot.utils.import_utils import get_safe_default_video_backend
    from torchvision.transforms.v2 import Resize

    if threads:
        torch.set_num_threads(threads)
    resize = Resize((size, size)) if size else None
    dataset = LeRobotDataset("local/loaded", root, image_transforms=resize)
    torch.manual_seed(7)
    sampler = torch.utils.data.RandomSampler(
        dataset, num_samples=BATCH * n_batches, replacement=True
    )
    loader = torch.utils.data.DataLoader(dataset, BATCH, sampler=sampler, num_workers=workers)
    cpu_before, start = cpu_s(), time.monotonic()
    n_frames, first_s = 0, None
    for batch in loader:
        first_s = first_s or time.monotonic() - start
        n_frames += len(batch["index"])
    seconds = time.monotonic() - start
    # The workers' time counts once they have ended, which they have with the loop.
    cpu = cpu_s() - cpu_before
    return {
        "size": size,
        "workers": workers,
        "threads": torch.get_num_threads(),
        "video_reader": get_safe_default_video_backend(),
        "frames": n_frames,
        "frames_per_s": round(n_frames / seconds, 1),
        "first_batch_s": round(first_s, 2),
        "cpu_ms_per_frame": round(1000 * cpu / n_frames, 2),
        "memory_mib_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root")
    parser.add_argument("--batches", type=int, default=16)
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.root, *arguments.case, arguments.batches)))
        return
    results = []
    for case in CASES:
        command = [sys.executable, __file__, arguments.root, "--batches", str(arguments.batches)]
        run = subprocess.run(
            [*command, "--case", json.dumps(case)], stdout=subprocess.PIPE, check=True
        )
        results.append(json.loads(run.stdout))
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
