"""Compares a dataset, as LeRobot loads it, with what its maker says is in it:
python check.py ROOT EXPECT.json

    {"fps": 30,
     "episodes": [{"length": 15, "tasks": ["dock"], "success": true}],
     "rows": [{"index": 0, "episode_index": 0, "frame_index": 0, "timestamp": 0.0, "task": "dock",
               "action": [0.1, 0.0, 0.0], "mode": "manual", "frame_number": 7}]}

A row gives every column but `task_index`; `frame_number` is what the test picture of each camera
shows (null: not read); `picture`, which may be left out, the mean levels of its 4 x 3 tiles, row by row, R G B. An episode may give any column of the episode tables. Every row and picture
is checked, once with each video reader that LeRobot has here.
"""

import json
import sys

import offline  # noqa: F401
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub.errors import OfflineModeIsEnabled
from lerobot.datasets.lerobot_dataset import LeRobotDataset

import statistics_check
from pattern import read_number

NOT_COLUMNS = {"task", "frame_number", "picture"}
# Two decoders round their way from YUV to RGB differently.
LEVELS = 2.0


class Mismatch(Exception):
    pass


def readers():
    """The names of LeRobot's video readers that work here."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        print(f"torchcodec cannot be loaded (no FFmpeg libraries?): {str(error).splitlines()[0]}")
        return ["pyav"]
    return ["pyav", "torchcodec"]


def plain(value):
    """A tensor, array or plain value as numbers, strings and lists of them."""
    return value.tolist() if hasattr(value, "tolist") else value


def is_same(loaded, expected):
    if isinstance(expected, list):
        return (
            isinstance(loaded, list)
            and len(loaded) == len(expected)
            and all(is_same(a, b) for a, b in zip(loaded, expected))
        )
    if type(expected) is not type(loaded) and {type(expected), type(loaded)} != {int, float}:
        return False
    if isinstance(loaded, float):
        return abs(loaded - expected) <= 1e-6 * max(1, abs(expected))
    return loaded == expected


def compare(where, loaded, expected):
    if not is_same(plain(loaded), expected):
        raise Mismatch(f"{where}: LeRobot loads {plain(loaded)!r}, not {expected!r}")


def as_picture(tensor):
    """Channels first, 0 to 1, as LeRobot hands it out -> bytes, channels last."""
    return (tensor.numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)


def compare_number(where, camera, tensor, row):
    number = row.get("frame_number")
    if number is not None:
        compare(f"{where}, number in {camera}", read_number(as_picture(tensor)), number)


def compare_tiles(where, camera, tensor, row):
    expected = row.get("picture")
    if expected is None:
        return
    picture = as_picture(tensor).astype(np.float64)
    rows = [np.array_split(band, 4, axis=1) for band in np.array_split(picture, 3, axis=0)]
    tiles = np.array([tile.mean(axis=(0, 1)) for band in rows for tile in band]).ravel()
    off = np.abs(tiles - np.array(expected)).max()
    if off > LEVELS:
        raise Mismatch(f"{where}: {camera} is off by {off:.1f} levels")


def check_columns(dataset, expect):
    cameras = set(dataset.meta.camera_keys)
    columns = set(dataset.meta.features) - cameras - {"task_index"}
    for row in expect["rows"]:
        given = set(row) - NOT_COLUMNS
        if given != columns:
            raise Mismatch(
                f"row {row['index']}: columns missing: {sorted(given - columns)}, "
                f"not expected: {sorted(columns - given)}"
            )


def check_episodes(dataset, expect):
    compare("fps", dataset.meta.fps, expect["fps"])
    compare("number of episodes", dataset.meta.total_episodes, len(expect["episodes"]))
    compare("number of rows", len(dataset), len(expect["rows"]))
    compare("rows in the tables", len(dataset.hf_dataset), len(expect["rows"]))
    start = 0
    for i, expected in enumerate(expect["episodes"]):
        loaded = dataset.meta.episodes[i]
        end = start + expected["length"]
        compare(f"episode {i}: its number", loaded["episode_index"], i)
        compare(f"episode {i}: first row", loaded["dataset_from_index"], start)
        compare(f"episode {i}: end row", loaded["dataset_to_index"], end)
        for key, value in expected.items():
            if key not in loaded:
                raise Mismatch(f"episode {i}: no column {key}")
            # LeRobot itself keeps tasks in no order.
            is_tasks = key == "tasks"
            in_order = sorted(loaded[key]) if is_tasks else loaded[key]
            compare(f"episode {i}: {key}", in_order, sorted(value) if is_tasks else value)
        start = end


def check_rows(dataset, expect):
    """Compares every row; returns each camera's mean and deviation, for its statistics."""
    cameras = dataset.meta.camera_keys
    sums = {camera: np.zeros((2, 3)) for camera in cameras}
    for i, row in enumerate(expect["rows"]):
        item = dataset[i]
        where = f"row {i} (episode {row['episode_index']}, frame {row['frame_index']})"
        compare(f"{where}, index", row["index"], i)
        on_grid = float(np.float32(row["frame_index"] / expect["fps"]))
        compare(f"{where}, timestamp on the grid", item["timestamp"], on_grid)
        for key in set(row) - {"frame_number", "picture"}:
            compare(f"{where}, {key}", item[key], row[key])
        for camera in cameras:
            height, width, channels = dataset.meta.features[camera]["shape"]
            compare(
                f"{where}, shape of {camera}", list(item[camera].shape), [channels, height, width]
            )
            compare_number(where, camera, item[camera], row)
            compare_tiles(where, camera, item[camera], row)
            pixels = item[camera].numpy().astype(np.float64)
            sums[camera] += pixels.mean(axis=(1, 2)), (pixels**2).mean(axis=(1, 2))
    moments = {}
    for camera, (mean, square) in sums.items():
        mean, square = mean / len(expect["rows"]), square / len(expect["rows"])
        moments[camera] = mean, np.sqrt(square - mean**2)
    return moments


def check_windows(root, reader, expect):
    """Windows in time, as training asks for them, at the edges and the middle of each episode."""
    fps, rows = expect["fps"], expect["rows"]
    offsets = {"action": range(8), "observation.state": (-1, 0)}
    cameras = LeRobotDataset("local/checked", root, video_backend=reader).meta.camera_keys
    offsets.update({camera: (-1, 0) for camera in cameras})
    dataset = LeRobotDataset(
        "local/checked",
        root,
        video_backend=reader,
        delta_timestamps={key: [i / fps for i in steps] for key, steps in offsets.items()},
    )
    start = 0
    for episode in expect["episodes"]:
        last = start + episode["length"] - 1
        for i in sorted({start, (start + last) // 2, last}):
            item = dataset[i]
            for key, steps in offsets.items():
                where = f"window of {key} at row {i}"
                inside = [start <= i + step <= last for step in steps]
                compare(f"{where}, padding", item[f"{key}_is_pad"], [not x for x in inside])
                seen = [rows[min(max(i + step, start), last)] for step in steps]
                for value, row in zip(item[key], seen, strict=True):
                    if key in cameras:
                        compare_number(where, key, value, row)
                    else:
                        compare(where, value, row[key])
        start = last + 1


def episode_tables(root):
    paths = sorted((root / "meta/episodes").glob("*/*.parquet"))
    tables = [pq.read_table(path) for path in paths]
    return pa.concat_tables(tables, promote_options="permissive").to_pylist()


def check_statistics(dataset, moments, expect):
    if dataset.meta.stats is None:
        raise Mismatch("there is no meta/stats.json")
    rows = expect["rows"]
    wrong = statistics_check.wrong_statistics(dataset.meta, dataset.meta.stats, rows, moments)
    for i, episode in enumerate(episode_tables(dataset.root)):
        of_episode = [row for row in rows if row["episode_index"] == i]
        stats = statistics_check.of_episode(episode)
        found = statistics_check.wrong_statistics(dataset.meta, stats, of_episode, {})
        wrong += [f"episode {i}: {what}" for what in found]
    if wrong:
        raise Mismatch("statistics:\n    " + "\n    ".join(wrong))


def check(root, expect):
    for reader in readers():
        dataset = LeRobotDataset("local/checked", root, video_backend=reader)
        check_columns(dataset, expect)
        check_episodes(dataset, expect)
        moments = check_rows(dataset, expect)
        check_windows(root, reader, expect)
        check_statistics(dataset, moments, expect)
        print(
            f"{reader}: {len(expect['rows'])} rows in {len(expect['episodes'])} episodes are right"
        )


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], encoding="utf-8") as file:
        expect = json.load(file)
    try:
        check(sys.argv[1], expect)
    except Mismatch as mismatch:
        sys.exit(f"{sys.argv[1]}: {mismatch}")
    except OfflineModeIsEnabled:
        sys.exit(f"{sys.argv[1]}: LeRobot misses one of its files, and asked the hub for it")


if __name__ == "__main__":
    main()
