"""Encoded images to arrays."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from effective_sparsity.errors import UserError


def decode(encoded: Sequence[tuple[str, bytes | Path]], size: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes images to RGB; grey ones get three equal channels.

    Args:
        encoded: name (for messages) of each image, and its bytes or its path.
        size: height and width in pixels to which all are resized (bilinear); by default they must be equal.

    Returns:
        uint8 of shape (N, 3, H, W).

    Raises:
        UserError: for bytes that are no image, and for sizes that differ when `size` is not given.
    """
    images = None
    for row, (name, source) in enumerate(encoded):
        try:
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
                image = file.convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise UserError(f"{name}: not an image that can be read ({error})") from error
        if size is not None:
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        if images is None:
            images = np.empty((len(encoded), 3, image.height, image.width), np.uint8)
        if (image.height, image.width) != images.shape[2:]:
            height, width = images.shape[2:]
            raise UserError(
                f"{name}: {image.height} x {image.width} pixels, others {height} x {width}; give a size"
            )
        images[row] = np.asarray(image).transpose(2, 0, 1)
    if images is None:
        raise UserError("no images")
    return images
