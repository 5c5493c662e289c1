"""Merges two datasets with LeRobot, and checks that every row of both is in the result:
python merge.py ROOT_A ROOT_B OUT"""

import sys

import offline  # noqa: F401
from lerobot.datasets.dataset_tools import merge_datasets
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from same_row import difference

# What merging renumbers. A task keeps its words.
RENUMBERED = {"index", "episode_index", "task_index"}


def check(source, first_row, first_episode, merged):
    for i in range(len(source)):
        old, new = source[i], merged[first_row + i]
        where = f"{source.root}, row {i}"
        if wrong := difference(old, new, RENUMBERED):
            sys.exit(f"{where}: {wrong}")
        if new["index"] != first_row + i:
            sys.exit(f"{where}: became row {new['index']}, not {first_row + i}")
        if new["episode_index"] != first_episode + old["episode_index"]:
            sys.exit(f"{where}: went into episode {new['episode_index']}")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    root_a, root_b, out = sys.argv[1:]
    options = {"video_backend": "pyav", "return_uint8": True}
    a = LeRobotDataset("local/a", root_a, **options)
    b = LeRobotDataset("local/b", root_b, **options)
    merge_datasets([a, b], "local/merged", out)
    merged = LeRobotDataset("local/merged", out, **options)
    lengths = len(merged), merged.num_episodes
    if lengths != (len(a) + len(b), a.num_episodes + b.num_episodes):
        sys.exit(f"merged: {lengths[0]} rows, {lengths[1]} episodes of {len(a)} and {len(b)} rows")
    check(a, 0, 0, merged)
    check(b, len(a), a.num_episodes, merged)
    print(f"merged: {lengths[0]} rows in {lengths[1]} episodes, pictures and columns unchanged")


if __name__ == "__main__":
    main()
