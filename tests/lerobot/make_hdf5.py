"""Writes an episode in the Mobile VLA study's HDF5 layout: python make_hdf5.py OUT.h5

As the study's collector did: pictures BGR, one for each key pressed, no rate, no instruction, a
first action of zeros. The pictures are small, in strong colours, and each shows its number.
"""

import sys

import h5py
import numpy as np

from pattern import draw_number

N, WIDTH, HEIGHT = 18, 160, 120
SPEED = 1.15


def picture(number):
    """RGB. Red grows downwards, blue to the right: swapped channels or axes are plain to see."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    red, blue = 100 + rows, columns // 2
    green = np.full_like(red, 40 + number * 4)
    rgb = np.stack([red, green, blue], axis=-1).astype(np.uint8)
    draw_number(rgb, number)
    return rgb


def main(out_path):
    actions = np.zeros((N, 3), np.float32)
    actions[1:, 0] = SPEED
    actions[6:9] = (0, SPEED, 0)
    actions[12:15] = (SPEED, -SPEED, 0)
    events = ["episode_start"] + ["start_action"] * (N - 2) + ["stop_action"]
    with h5py.File(out_path, "w") as file:
        bgr = np.stack([picture(i)[..., ::-1] for i in range(N)])
        file.create_dataset("images", data=bgr, compression="gzip")
        file.create_dataset("actions", data=actions, compression="gzip")
        text = h5py.string_dtype("utf-8")
        file.create_dataset("action_event_types", data=events, dtype=text, compression="gzip")
        file.attrs["episode_name"] = "episode_20250815_143022_1box_vert_left_core_medium"
        file.attrs["total_duration"] = 48.2
        file.attrs["num_frames"] = N
        file.attrs["action_chunk_size"] = 8


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
