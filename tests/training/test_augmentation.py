import math

import numpy as np
import pytest
import torch

from effective_sparsity.errors import UserError
from effective_sparsity.training import augmentation, augmentation_torch
from effective_sparsity.training.augmentation import augment, draw


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 3, 9, 7), dtype=np.uint8)


def drawn(kind, count=8):
    return draw(kind, np.random.default_rng(1), count)


def rotated(image, angle):
    """A grey image turned by an angle in radians: bilinear, edges continued, pixel by pixel."""
    height, width = image.shape
    centre_row, centre_column = (height - 1) / 2, (width - 1) / 2
    result = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            y, x = i - centre_row, j - centre_column
            row = centre_row + math.cos(angle) * y + math.sin(angle) * x
            column = centre_column - math.sin(angle) * y + math.cos(angle) * x
            value = 0.0
            for r in (math.floor(row), math.floor(row) + 1):
                for c in (math.floor(column), math.floor(column) + 1):
                    pixel = image[min(max(r, 0), height - 1), min(max(c, 0), width - 1)]
                    value += (1 - abs(row - r)) * (1 - abs(column - c)) * pixel
            result[i, j] = value
    return result


def shifted(image, flip, down, right):
    """An image, flipped and then moved, edges continued, pixel by pixel."""
    height, width = image.shape
    result = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            row, column = min(max(i - down, 0), height - 1), min(max(j - right, 0), width - 1)
            result[i, j] = image[row, width - 1 - column if flip else column]
    return result


def test_rotation_equals_bilinear_interpolation_pixel_by_pixel(images):
    indices, angles = np.arange(8), np.linspace(-0.5, 0.5, 8).astype(np.float32)
    result = augment("rotation", images, indices, angles)
    expected = [[rotated(channel, angle) for channel in images[i]] for i, angle in enumerate(angles)]
    np.testing.assert_allclose(result, expected, atol=2e-3)


def test_a_quarter_turn_moves_every_pixel_exactly():
    image = np.arange(49, dtype=np.uint8).reshape(1, 1, 7, 7)
    result = augment("rotation", image, np.array([0]), np.array([math.pi / 2], np.float32))
    np.testing.assert_allclose(result[0, 0], np.rot90(image[0, 0], 1), atol=1e-4)


def test_rotation_by_nothing_changes_nothing(images):
    indices = np.array([3, 0])
    result = augment("rotation", images, indices, np.zeros(2, np.float32))
    np.testing.assert_array_equal(result, images[indices])


def test_flip_and_shift_equal_the_pixel_by_pixel_version(images):
    indices, moves = np.arange(8), drawn("flip_shift")
    result = augment("flip_shift", images, indices, moves)
    expected = [[shifted(channel, *move) for channel in images[i]] for i, move in enumerate(moves)]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("kind", ["rotation", "flip_shift", "none"])
def test_pytorch_does_the_same(images, kind):
    indices, parameters = np.array([5, 2, 7, 1, 0, 3, 11, 4]), drawn(kind)
    expected = augment(kind, images, indices, parameters)
    batch = torch.from_numpy(images[indices]).float()
    result = augmentation_torch.augment(kind, batch, torch.from_numpy(parameters))
    np.testing.assert_allclose(result, expected, atol=2e-3)
    assert expected.dtype == np.float32 and expected.flags.c_contiguous


def test_angles_are_uniform_within_four_degrees():
    degrees = np.degrees(drawn("rotation", 20_000))
    counts, _ = np.histogram(degrees, bins=8, range=(-4, 4))
    assert counts.sum() == 20_000
    assert counts.min() > 2_300 and counts.max() < 2_700


def test_all_flips_and_shifts_within_three_pixels_occur():
    moves = drawn("flip_shift", 5_000)
    possible = {(flip, down, right) for flip in (0, 1) for down in range(-3, 4) for right in range(-3, 4)}
    assert set(map(tuple, moves.tolist())) == possible
    assert augmentation.MAX_SHIFT == 3


def test_an_unknown_augmentation_is_refused():
    with pytest.raises(UserError, match="mirror"):
        draw("mirror", np.random.default_rng(0), 1)
