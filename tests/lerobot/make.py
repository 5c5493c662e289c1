"""Makes a dataset with LeRobot's own API, for our reader: python make.py OUT [--av1]

Three episodes in one file; two tasks, in the last episode one after the other. What must be read
back is written to OUT.expect.json, in the format that check.py describes.
"""

import argparse
import json

import offline  # noqa: F401
import numpy as np
from lerobot.configs import RGBEncoderConfig
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from pattern import draw_number

FPS, WIDTH, HEIGHT = 30, 160, 120
LENGTHS = (15, 25, 20)
TASKS = ("follow the wall", "dock at the café")
AXES = ["x.vel", "y.vel", "theta.vel"]
FEATURES = {
    "observation.images.front": {
        "dtype": "video",
        "shape": (HEIGHT, WIDTH, 3),
        "names": ["height", "width", "channels"],
    },
    "observation.state": {"dtype": "float32", "shape": (3,), "names": AXES},
    "action": {"dtype": "float32", "shape": (3,), "names": AXES},
    "intervention": {"dtype": "bool", "shape": (1,), "names": None},
    "mode": {"dtype": "string", "shape": (1,), "names": None},
}


def picture(number):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    red, green = 60 + rows // 2, 40 + columns // 2
    blue = np.full_like(red, (number * 5) % 200)
    rgb = np.stack([red, green, blue], axis=-1).astype(np.uint8)
    draw_number(rgb, number)
    return rgb


def row(index, episode_index, frame_index):
    t = frame_index / FPS
    is_override = episode_index == 1 and 8 <= frame_index < 16
    is_docking = episode_index == 1 or (episode_index == 2 and frame_index >= 10)
    action = np.array([0.5 * np.sin(t), -0.1 * episode_index, 0.01 * frame_index], np.float32)
    return {
        "index": index,
        "episode_index": episode_index,
        "frame_index": frame_index,
        "timestamp": float(np.float32(t)),
        "task": TASKS[is_docking],
        "observation.state": (action * np.float32(0.9)).tolist(),
        "action": action.tolist(),
        "intervention": is_override,
        "mode": "override" if is_override else "autonomous",
        # Not the index: a reader that counts pictures instead of reading them must be found out.
        "frame_number": 1000 * episode_index + frame_index,
    }


def frame(row):
    return {
        "observation.images.front": picture(row["frame_number"]),
        "observation.state": np.array(row["observation.state"], np.float32),
        "action": np.array(row["action"], np.float32),
        "intervention": np.array([row["intervention"]]),
        "mode": row["mode"],
        "task": row["task"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--av1", action="store_true", help="LeRobot's default codec, not H.264")
    arguments = parser.parse_args()
    encoder = RGBEncoderConfig() if arguments.av1 else RGBEncoderConfig(vcodec="h264", crf=23)
    dataset = LeRobotDataset.create(
        "local/made", FPS, FEATURES, arguments.out, "mobile_base", rgb_encoder=encoder
    )
    rows, episodes = [], []
    for episode_index, length in enumerate(LENGTHS):
        of_episode = [row(len(rows) + i, episode_index, i) for i in range(length)]
        for each in of_episode:
            dataset.add_frame(frame(each))
        dataset.save_episode()
        rows += of_episode
        episodes.append({"length": length, "tasks": sorted({each["task"] for each in of_episode})})
    # Without it the tables have no end, and cannot be read.
    dataset.finalize()
    expect = {"fps": FPS, "episodes": episodes, "rows": rows}
    with open(arguments.out.rstrip("/") + ".expect.json", "w", encoding="utf-8") as out:
        json.dump(expect, out, indent=1)


if __name__ == "__main__":
    main()
