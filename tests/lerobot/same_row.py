"""Whether a row that LeRobot loads is the same as before. Used by resume.py and merge.py."""

import torch


def difference(old, new, apart_from=()):
    """What differs between two loaded rows, in words; None where nothing does."""
    if set(old) != set(new):
        return f"columns {sorted(set(old) ^ set(new))} came or went"
    for key in set(old) - set(apart_from):
        a, b = old[key], new[key]
        is_same = torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        if not is_same:
            return f"{key} was {a}, and is {b}"
    return None
