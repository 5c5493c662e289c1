"""The number in a test picture, drawn and read as `src/camera/pattern.rs` does: six digits at the
upper left, white on black, each of 3 x 5 cells. Pictures are uint8 arrays (height, width, 3)."""

import numpy as np

DIGITS = 6
GLYPHS = (
    "111 101 101 101 111",
    "010 110 010 010 111",
    "111 001 111 100 111",
    "111 001 111 001 111",
    "101 101 111 001 001",
    "111 100 111 001 111",
    "111 100 111 101 111",
    "111 001 010 010 010",
    "111 101 111 101 111",
    "111 101 111 001 111",
)
CELLS = np.array([[[c == "1" for c in row] for row in glyph.split()] for glyph in GLYPHS])


def cell_px(picture):
    """A cell's width in pixels; zero where the picture is too small for a number."""
    height, width, _ = picture.shape
    return min(width // (DIGITS * 4 + 1), height // 7, 8)


def cells(picture):
    """Yields each cell's place among the digits, row, column and pixels."""
    size = cell_px(picture)
    for place in range(DIGITS):
        for row in range(5):
            for column in range(3):
                top, left = (1 + row) * size, (1 + place * 4 + column) * size
                yield place, row, column, picture[top : top + size, left : left + size]


def draw_number(picture, number):
    size = cell_px(picture)
    picture[: 7 * size, : (DIGITS * 4 + 1) * size] = 0
    digits = [int(c) for c in f"{number:0{DIGITS}}"]
    for place, row, column, pixels in cells(picture):
        if CELLS[digits[place], row, column]:
            pixels[:] = 255


def read_number(picture):
    """The number in the picture, or None where there is none."""
    if cell_px(picture) == 0:
        return None
    seen = np.zeros((DIGITS, 5, 3), bool)
    for place, row, column, pixels in cells(picture):
        seen[place, row, column] = pixels.mean() > 127
    number = 0
    for glyph in seen:
        digit = next((i for i, known in enumerate(CELLS) if np.array_equal(known, glyph)), None)
        if digit is None:
            return None
        number = number * 10 + digit
    return number
