"""LeRobot's recorder, measured: python record.py FRAMES.rgb WIDTH HEIGHT N [--seconds S] ...

Raw frames (see frames.py) are held in memory and offered at 30 a second, over and over, to
`LeRobotDataset.add_frame` with its streaming encoder, beside a state and an action. Prints JSON:
frames offered, rows, and frames in the video; processor time per frame from the first frame until
the dataset can be read; bytes; PSNR; time from the last frame until it is saved and can be read.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "lerobot"))

import offline  # noqa: E402, F401
import numpy as np  # noqa: E402
from lerobot.configs import RGBEncoderConfig  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

from psnr import load_frames, measure  # noqa: E402

FPS = 30
CAMERA = "observation.images.front"
AXES = ["x.vel", "y.vel", "theta.vel"]


def features(width, height):
    image = {
        "dtype": "video",
        "shape": (height, width, 3),
        "names": ["height", "width", "channels"],
    }
    vector = {"dtype": "float32", "shape": (3,), "names": AXES}
    return {CAMERA: image, "observation.state": vector, "action": vector}


def cpu_s():
    """Processor seconds of this process, its threads, and its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def offer(dataset, frames, n_offered):
    """Offers the frames on time; returns the numbers of those the encoder took, and the lags."""
    kept, late_ms = [], []
    start = time.monotonic()
    for number in range(n_offered):
        due = start + number / FPS
        time.sleep(max(0.0, due - time.monotonic()))
        late_ms.append((time.monotonic() - due) * 1000)
        vector = np.full(3, number / n_offered, np.float32)
        # LeRobot counts the frames that its full queue drops, and keeps their rows.
        encoder = dataset.writer._streaming_encoder
        dropped = encoder._dropped_frames.get(CAMERA, 0)
        dataset.add_frame(
            {
                CAMERA: frames[number % len(frames)],
                "observation.state": vector,
                "action": vector,
                "task": "go",
            }
        )
        if encoder._dropped_frames.get(CAMERA, 0) == dropped:
            kept.append(number)
    return kept, late_ms


def record(root, frames, arguments):
    _, height, width, _ = frames.shape
    encoder = RGBEncoderConfig(vcodec="h264") if arguments.codec == "h264" else RGBEncoderConfig()
    dataset = LeRobotDataset.create(
        "local/recorded",
        FPS,
        features(width, height),
        root,
        rgb_encoder=encoder,
        streaming_encoding=True,
    )
    cpu_before = cpu_s()
    kept, late_ms = offer(dataset, frames, round(arguments.seconds * FPS))
    stopped = time.monotonic()
    dataset.save_episode()
    saved = time.monotonic()
    dataset.finalize()
    ready = time.monotonic()
    cpu = cpu_s() - cpu_before

    videos = sorted(Path(root).glob("videos/*/*/*.mp4"))
    if len(videos) != 1:
        sys.exit(f"{len(videos)} video files, not one: make --seconds smaller")
    n_bytes = sum(path.stat().st_size for path in Path(root).rglob("*") if path.is_file())
    return {
        "recorder": f"LeRobot 0.6.1, {encoder.vcodec}, GOP {encoder.g}, CRF {encoder.crf}",
        "frames_offered": len(late_ms),
        "rows": dataset.meta.total_frames,
        **measure(videos[0], frames, kept),
        "frames_dropped": len(late_ms) - len(kept),
        "offered_late_ms_max": round(max(late_ms), 1),
        "cpu_ms_per_frame": round(1000 * cpu / len(late_ms), 2),
        "bytes_per_minute": round(n_bytes / (len(late_ms) / FPS) * 60),
        "stop_to_saved_ms": round(1000 * (saved - stopped), 1),
        "stop_to_ready_ms": round(1000 * (ready - stopped), 1),
        "memory_mib_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "memory_mib_frames": frames.nbytes >> 20,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames")
    parser.add_argument("size", type=int, nargs=3, metavar=("WIDTH", "HEIGHT", "N"))
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--codec", choices=("default", "h264"), default="default")
    arguments = parser.parse_args()
    frames = load_frames(arguments.frames, *arguments.size)
    with tempfile.TemporaryDirectory() as folder:
        result = record(f"{folder}/recorded", frames, arguments)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
