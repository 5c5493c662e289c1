"""Writes raw RGB frames that look like a camera's: python frames.py OUT.rgb WIDTH HEIGHT N

A scene of textures in all sizes and hard edges, seen by a camera that pans and zooms, under
drifting light, with sensor noise and a moving disc: neither a still picture nor plain noise, which
would flatter or slander a video encoder. The last frame leads into the first, so that the clip can
be repeated without a cut. The same arguments give the same bytes.
"""

import sys

import numpy as np

SCENE_PX = 2048
# Blobs of this many across the scene: shades, and details down to a pixel or two. In photographs
# each size has almost the contrast of the next larger one; blurred by a lens, somewhat less.
SHADES, DETAILS = (4, 8, 16, 32), (64, 128, 256, 512, 1024)
FALLOFF = 0.8
NOISE_SIGMA = 2.0
# Movements within the clip, in turns.
PANS, ZOOMS, LIGHTS, DISCS = 1, 2, 1, 2


def enlarged(grid, size):
    """The grid, blown up to size x size by linear interpolation; its edges wrap around."""
    at = np.arange(size) * (len(grid) / size)
    low, share = at.astype(int), (at % 1).astype(np.float32)
    high = (low + 1) % len(grid)
    rows = grid[low] * (1 - share)[:, None] + grid[high] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, high] * share


def blobs(random, n):
    return enlarged(random.standard_normal((n, n), np.float32), SCENE_PX)


def paint_scene(random):
    """A square RGB picture that wraps around: areas with sharp borders, smooth and textured."""
    shade = sum(FALLOFF**i * blobs(random, n) for i, n in enumerate(SHADES))
    detail = sum(FALLOFF**i * blobs(random, n) for i, n in enumerate(DETAILS))
    detail *= np.clip(blobs(random, 8) + 0.5, 0.1, 1.5)
    edges = np.where(blobs(random, 24) > 0, 20, -20) + np.where(blobs(random, 9) > 0.5, 25, -5)
    grey = 110 + 14 * shade + 24 * detail + edges
    channels = []
    for _ in range(3):
        tint = 15 * blobs(random, 6) + np.where(blobs(random, 40) > 0.8, 30, 0)
        channels.append(grey + tint)
    return np.clip(np.stack(channels, axis=-1), 8, 247).astype(np.float32)


def view(scene, width, height, clip_share):
    """What the camera sees at this share of the clip."""
    turn = 2 * np.pi * clip_share
    zoom = (1 + 0.1 * np.sin(ZOOMS * turn)) * SCENE_PX / (1.6 * width)
    left = SCENE_PX * (0.3 + 0.1 * np.sin(PANS * turn))
    top = SCENE_PX * (0.3 + 0.03 * np.cos(PANS * turn))
    picture = scene
    for axis, start, n in ((0, top, height), (1, left, width)):
        at = start + zoom * np.arange(n)
        low, share = np.floor(at).astype(int), (at % 1).astype(np.float32)
        share = share.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        near = np.take(picture, low % SCENE_PX, axis)
        far = np.take(picture, (low + 1) % SCENE_PX, axis)
        picture = near + (far - near) * share
    return picture * np.float32(1 + 0.12 * np.sin(LIGHTS * turn))


def draw_disc(picture, clip_share):
    height, width, _ = picture.shape
    turn = 2 * np.pi * DISCS * clip_share
    x, y = width * (0.5 + 0.35 * np.cos(turn)), height * (0.5 + 0.25 * np.sin(turn))
    rows, columns = np.ogrid[:height, :width]
    picture[(columns - x) ** 2 + (rows - y) ** 2 < (height / 10) ** 2] = (210, 40, 35)


def main(out_path, width, height, n):
    random = np.random.default_rng(7)
    scene = paint_scene(random)
    # Drawn once, and begun elsewhere for each frame: to draw it anew would take most of the time.
    longest_skip = 1 << 20
    noise = random.standard_normal(height * width * 3 + longest_skip, np.float32) * NOISE_SIGMA
    with open(out_path, "wb") as out:
        for i in range(n):
            picture = view(scene, width, height, i / n)
            draw_disc(picture, i / n)
            skip = int(random.integers(longest_skip))
            picture += noise[skip : skip + picture.size].reshape(picture.shape)
            out.write(np.clip(picture + 0.5, 0, 255).astype(np.uint8).tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:]))
