"""The transformations of `augmentation`, vectorised in PyTorch for any device."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def augment(kind: str, images: Tensor, drawn: Tensor) -> Tensor:
    """A batch of images, transformed as `augmentation.augment` does.

    Args:
        kind: Augmentation, as in `augmentation.draw`.
        images: Batch of shape (n, C, H, W), floating point.
        drawn: Parameters from `augmentation.draw`, on the device of the images.

    Returns:
        Transformed images of the same shape and dtype.
    """
    if kind == "rotation":
        return _rotate(images, drawn)
    if kind == "flip_shift":
        return _flip_shift(images, drawn)
    return images


def _rotate(images, angles):
    height, width = images.shape[2:]
    y = torch.arange(height, device=images.device)[:, None] - (height - 1) / 2
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    # grid_sample wants coordinates (x, y) in half-widths and half-heights from the centre.
    grid = torch.stack(
        [(cos * x - sin * y) * (2 / (width - 1)), (sin * x + cos * y) * (2 / (height - 1))], -1
    )
    return grid_sample(
        images, grid.to(images.dtype), mode="bilinear", padding_mode="border", align_corners=True
    )


def _flip_shift(images, drawn):
    height, width = images.shape[2:]
    flip, down, right = drawn.T[:, :, None]
    rows = (torch.arange(height, device=images.device) - down).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - right).clamp(0, width - 1)
    columns = torch.where(flip.bool(), width - 1 - columns, columns)
    sample = torch.arange(len(images), device=images.device)[:, None, None]
    return images[sample, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
