"""How close a video is to its source: python psnr.py VIDEO FRAMES.rgb WIDTH HEIGHT N

Frame i of the video was made of raw frame i modulo N. Every 30th is compared, as RGB (what a policy
sees, the lost half of the colour resolution included) and in luma; prints JSON. One measure for
every recorder: the same decoder, the same mean.
"""

import json
import sys

import av
import numpy as np

EVERY = 30
LUMA = np.array([0.299, 0.587, 0.114])


def decibels(square_error):
    return float("inf") if square_error == 0 else float(10 * np.log10(255**2 / square_error))


def measure(video_path, frames, numbers=None):
    """`frames`: raw, repeated as often as needed; `numbers`: the one each video frame shows."""
    rgb_errors, luma_errors, n_frames = [], [], 0
    with av.open(str(video_path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            n_frames += 1
            if i % EVERY:
                continue
            number = i if numbers is None else numbers[i]
            source = frames[number % len(frames)]
            error = frame.to_ndarray(format="rgb24").astype(np.float64) - source
            rgb_errors.append(np.mean(error**2))
            luma_errors.append(np.mean((error @ LUMA) ** 2))
    return {
        "video_frames": n_frames,
        "psnr_rgb_db": round(decibels(np.mean(rgb_errors)), 2),
        "psnr_luma_db": round(decibels(np.mean(luma_errors)), 2),
        "psnr_rgb_db_min": round(decibels(np.max(rgb_errors)), 2),
    }


def load_frames(path, width, height, n):
    return np.fromfile(path, np.uint8, width * height * 3 * n).reshape(n, height, width, 3)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    raw = load_frames(sys.argv[2], *(int(argument) for argument in sys.argv[3:]))
    print(json.dumps(measure(sys.argv[1], raw), indent=1))
