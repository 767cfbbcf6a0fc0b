import io

import numpy as np
import pytest
from PIL import Image

from effective_sparsity.datasets.images import decode
from effective_sparsity.errors import UserError


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)  # N, H, W, C


def test_pixels_come_channels_first(colours):
    decoded = decode([("a", png(colours[0])), ("b", png(colours[1]))])
    np.testing.assert_array_equal(decoded, colours.transpose(0, 3, 1, 2), strict=True)


def test_grey_images_get_three_equal_channels(colours):
    grey = colours[0, :, :, 0]
    np.testing.assert_array_equal(decode([("a", png(grey))]), [[grey, grey, grey]], strict=True)


def test_images_are_read_from_files_too(colours, tmp_path):
    (tmp_path / "a.png").write_bytes(png(colours[0]))
    np.testing.assert_array_equal(decode([("a", tmp_path / "a.png")])[0], colours[0].transpose(2, 0, 1))


def test_a_size_is_height_and_width(colours):
    assert decode([("a", png(colours[0])), ("b", png(colours[1][:3]))], size=(7, 9)).shape == (2, 3, 7, 9)


def test_images_of_different_sizes_are_refused(colours):
    with pytest.raises(UserError, match="b: 3 x 4 pixels, others 5 x 4; give a size"):
        decode([("a", png(colours[0])), ("b", png(colours[1][:3]))])


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_what_is_no_image_is_named(content):
    with pytest.raises(UserError, match=r"photo\.jpg: not an image"):
        decode([("photo.jpg", content)])


def test_a_truncated_image_is_named(colours):
    with pytest.raises(UserError, match=r"photo\.png: not an image"):
        decode([("photo.png", png(colours[0])[:-30])])


def test_no_images_at_all_are_refused():
    with pytest.raises(UserError, match="no images"):
        decode([])
