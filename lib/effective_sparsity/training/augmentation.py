"""Random image transformations on a CPU, without PyTorch.

What is drawn (`draw`) is apart from what is done with it (`augment` here, `augmentation_torch.augment` on any
device), so that every engine trains on the same images.
"""

import math

import numpy as np

from effective_sparsity.compiled import compiled
from effective_sparsity.errors import UserError

MAX_ROTATION = math.radians(4)
MAX_SHIFT = 3


def draw(kind: str, random: np.random.Generator, count: int) -> np.ndarray:
    """Random parameters of the augmentation of `count` images.

    Args:
        kind: "rotation": angles in radians, float32 of shape (count,), uniform up to 4 degrees each way.
            "flip_shift": int64 of shape (count, 3): 1 for a horizontal flip (else 0), and the shifts down and
            to the right, uniform integers up to 3 pixels each way. "none": float32 of shape (count, 0).
        random: Generator of the step (`Batches.random`).
        count: Images in the batch.

    Raises:
        UserError: If the kind is unknown.
    """
    if kind == "rotation":
        return random.uniform(-MAX_ROTATION, MAX_ROTATION, count).astype(np.float32)
    if kind == "flip_shift":
        return random.integers([0, -MAX_SHIFT, -MAX_SHIFT], [2, MAX_SHIFT + 1, MAX_SHIFT + 1], (count, 3))
    if kind == "none":
        return np.empty((count, 0), np.float32)
    raise UserError(f"augmentation: {kind!r} is unknown; use rotation, flip_shift or none")


def augment(kind: str, images: np.ndarray, indices: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The images that `indices` name, transformed.

    Args:
        kind: Augmentation, as in `draw`.
        images: The whole data set, uint8 of shape (N, C, H, W).
        indices: Samples of the batch, int64 of shape (n,).
        drawn: Their parameters from `draw`.

    Returns:
        float32 of shape (n, C, H, W), still in 0..255.
    """
    if kind == "none":
        return images[indices].astype(np.float32)
    transform = _rotate if kind == "rotation" else _flip_shift
    return transform(images, indices, drawn)


@compiled()
def _flip_shift(images, indices, drawn):
    """The flipped image, moved; outside the image its nearest edge pixel goes on."""
    _, channels, height, width = images.shape
    columns = np.empty(width, np.int64)
    result = np.empty((indices.size, channels, height, width), np.float32)
    for n in range(indices.size):
        flip, down, right = drawn[n]
        for x in range(width):
            column = min(max(x - right, 0), width - 1)
            columns[x] = width - 1 - column if flip else column
        for c in range(channels):
            for y in range(height):
                row = images[indices[n], c, min(max(y - down, 0), height - 1)]
                for x in range(width):
                    result[n, c, y, x] = row[columns[x]]
    return result


@compiled(fastmath=True)
def _rotate(images, indices, angles):
    """Rotation about the image centre, bilinear; outside the image its nearest edge pixel goes on.

    Output pixel (y, x), counted from the centre, shows the input at (cos y + sin x, cos x - sin y), so a
    positive angle turns the picture as `scipy.ndimage.rotate` does.
    """
    _, channels, height, width = images.shape
    pixels = height * width
    last_row, last_column = np.float32(height - 1), np.float32(width - 1)
    centre_row, centre_column = last_row / np.float32(2), last_column / np.float32(2)
    y, x = np.empty(pixels, np.float32), np.empty(pixels, np.float32)
    for p in range(pixels):
        y[p], x[p] = np.float32(p // width) - centre_row, np.float32(p % width) - centre_column
    # A row and a pixel more than the image: the lower and right neighbours of its last row and column, which
    # are read with weight 0.
    source = np.zeros(pixels + width + 1, np.float32)
    corner = np.empty(pixels, np.uint32)
    down, right = np.empty(pixels, np.float32), np.empty(pixels, np.float32)
    next_row, next_column = np.uint32(width), np.uint32(1)
    result = np.empty((indices.size, channels, height, width), np.float32)
    for n in range(indices.size):
        cos, sin = np.float32(math.cos(angles[n])), np.float32(math.sin(angles[n]))
        for p in range(pixels):  # arithmetic alone, so that the compiler vectorises it
            row = min(max(centre_row + cos * y[p] + sin * x[p], np.float32(0)), last_row)
            column = min(max(centre_column - sin * y[p] + cos * x[p], np.float32(0)), last_column)
            corner[p] = np.int32(row) * np.int32(width) + np.int32(column)
            down[p], right[p] = row - np.int32(row), column - np.int32(column)
        for c in range(channels):
            image, target = images[indices[n], c].ravel(), result[n, c].ravel()
            for p in range(pixels):
                source[p] = image[p]
            for p in range(pixels):
                k = corner[p]
                upper = source[k] + right[p] * (source[k + next_column] - source[k])
                k += next_row
                lower = source[k] + right[p] * (source[k + next_column] - source[k])
                target[p] = upper + down[p] * (lower - upper)
    return result
