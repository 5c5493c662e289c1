"""Recomputes a dataset's statistics from its rows. Used by check.py."""

import numpy as np

KEYS = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
QUANTILES = ("min", "q01", "q10", "q50", "q90", "q99", "max")
# Of the scale of a column.
TOLERANCE = 1e-6
# Statistics are of source pictures, some of them; the decoded ones differ by what the video lost.
PICTURE_TOLERANCE = 0.03


def of_episode(row):
    """The statistics that stand in a row of the episode tables, in the form of stats.json."""
    stats = {}
    for name, value in row.items():
        if name.startswith("stats/"):
            feature, key = name.removeprefix("stats/").rsplit("/", 1)
            stats.setdefault(feature, {})[key] = np.array(value)
    return stats


def wrong_statistics(meta, stats, rows, picture_moments):
    """What is wrong with `stats` of these rows, in words; `picture_moments`: see check.py."""
    wrong = []
    for feature, properties in meta.features.items():
        if properties["dtype"] == "string":
            continue
        if feature not in stats:
            wrong.append(f"{feature}: none")
        elif set(stats[feature]) != KEYS:
            wrong.append(f"{feature}: has {sorted(stats[feature])}")
        elif properties["dtype"] in ("image", "video"):
            wrong += wrong_of_pictures(feature, stats[feature], picture_moments.get(feature))
        elif feature in rows[0]:
            wrong += wrong_of_numbers(feature, stats[feature], [row[feature] for row in rows])
    return wrong


def is_in_order(stats, tolerance):
    rising = [stats[key] for key in QUANTILES]
    return all((high - low >= -tolerance).all() for low, high in zip(rising, rising[1:]))


def is_far(key, given, value, scale):
    # LeRobot takes the variance as a difference of float32 sums: where a column hardly varies, its
    # root has few right digits.
    if key == "std":
        given, value, scale = given**2, value**2, scale**2
    return (np.abs(given - value) > TOLERANCE * scale).any()


def wrong_of_numbers(feature, stats, values):
    values = np.array(values, np.float64).reshape(len(values), -1)
    scale = max(np.abs(values).max(), 1e-6)
    expected = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
    }
    wrong = []
    for key, value in expected.items():
        given = np.asarray(stats[key], np.float64)
        if given.shape != value.shape or is_far(key, given, value, scale):
            wrong.append(f"{feature}, {key}: {given.tolist()}, not {value.tolist()}")
    if not is_in_order(stats, TOLERANCE * scale):
        wrong.append(f"{feature}: quantiles do not rise")
    return wrong


def wrong_of_pictures(feature, stats, moments):
    wrong = []
    for key in KEYS - {"count"}:
        value = np.asarray(stats[key])
        if value.shape != (3, 1, 1) or (value < -1e-6).any() or (value > 1 + 1e-6).any():
            wrong.append(f"{feature}, {key}: {value.tolist()} is not 3x1x1 of 0 to 1")
    if np.asarray(stats["count"]).shape != (1,) or stats["count"][0] < 1:
        wrong.append(f"{feature}, count: {stats['count']}")
    if not is_in_order(stats, 1e-6):
        wrong.append(f"{feature}: quantiles do not rise")
    for key, expected in zip(("mean", "std"), moments or ()):
        given = np.asarray(stats[key]).reshape(-1)
        if given.shape == expected.shape and (np.abs(given - expected) > PICTURE_TOLERANCE).any():
            wrong.append(f"{feature}, {key}: {given.tolist()}, pictures have {expected.tolist()}")
    return wrong
