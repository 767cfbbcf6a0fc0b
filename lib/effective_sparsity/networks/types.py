"""The types of named arrays (no torch: the workflow reads this)."""

from collections.abc import Mapping

import numpy as np

from effective_sparsity.errors import UserError

# Every parameter and buffer of a network by its name in PyTorch's `state_dict`.
State = dict[str, np.ndarray]
# Boolean mask (True = kept) of kernels by parameter name, each of its kernel's shape.
Masks = Mapping[str, np.ndarray]


def check_masks(masks: Masks, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise UserError unless each mask is one of a kernel.

    Args:
        shapes: of the kernels, by parameter name.
    """
    for name, mask in masks.items():
        if name not in shapes:
            raise UserError(f"masks: {name!r} is not a kernel of the network; it has {', '.join(shapes)}")
        if mask.dtype != bool or mask.shape != shapes[name]:
            found = f"{mask.dtype} {mask.shape}"
            raise UserError(f"masks: {name!r} is {found}; it must be bool {shapes[name]}")
