"""Appends an episode to a dataset with LeRobot's own recorder, and checks that every row that was
there is still the same: python resume.py ROOT"""

import sys

import offline  # noqa: F401
import numpy as np
from lerobot.configs import RGBEncoderConfig
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.utils.constants import DEFAULT_FEATURES

from pattern import draw_number, read_number
from same_row import difference

N_FRAMES = 20
TASK = "appended by LeRobot"


def loaded(root):
    """Every row; pictures stay with their rows."""
    dataset = LeRobotDataset("local/resumed", root, video_backend="pyav", return_uint8=True)
    return dataset, [dataset[i] for i in range(len(dataset))]


def frame(features, number):
    made = {"task": TASK}
    for name, feature in features.items():
        if name in DEFAULT_FEATURES:
            continue
        shape = tuple(feature["shape"])
        if feature["dtype"] in ("video", "image"):
            made[name] = np.full(shape, 90, np.uint8)
            draw_number(made[name], number)
        elif feature["dtype"] == "string":
            made[name] = "manual"
        else:
            made[name] = np.full(shape, number % 2, feature["dtype"])
    return made


def append(root):
    encoder = RGBEncoderConfig(vcodec="h264", crf=23)
    dataset = LeRobotDataset.resume("local/resumed", root, rgb_encoder=encoder)
    for number in range(N_FRAMES):
        dataset.add_frame(frame(dataset.meta.features, number))
    dataset.save_episode()
    dataset.finalize()


def check(before, after, dataset):
    if len(after) != len(before) + N_FRAMES:
        sys.exit(f"{len(before)} rows and {N_FRAMES} more became {len(after)}")
    for i, (old, new) in enumerate(zip(before, after)):
        if wrong := difference(old, new):
            sys.exit(f"row {i}: {wrong}")
    for number, item in enumerate(after[len(before) :]):
        if item["task"] != TASK or item["frame_index"] != number:
            sys.exit(f"appended row {number}: {item['task']}, frame {item['frame_index']}")
        for camera in dataset.meta.camera_keys:
            seen = read_number(item[camera].numpy().transpose(1, 2, 0))
            if seen != number:
                sys.exit(f"appended row {number}: {camera} shows {seen}")
    count = int(dataset.meta.stats["action"]["count"][0])
    if count != len(after):
        sys.exit(f"statistics count {count} of {len(after)} rows")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = sys.argv[1]
    _, before = loaded(root)
    append(root)
    dataset, after = loaded(root)
    check(before, after, dataset)
    print(
        f"{len(before)} rows unchanged, {N_FRAMES} appended as episode {dataset.num_episodes - 1}"
    )


if __name__ == "__main__":
    main()
