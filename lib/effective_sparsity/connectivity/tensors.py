"""Scores and masks as they are given: NumPy arrays, which never import PyTorch, or PyTorch tensors."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.array_utils import byte_bounds

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    Given = Tensor | np.ndarray

_DEVIATION_BLOCK = 2**23  # elements that are float64 at a time


def given(scores: "Mapping[str, Given]") -> "dict[str, Given]":
    """The scores, with PyTorch tensors made of what is neither of the two.

    Raises:
        UserError: they are no mapping, or of some no tensor can be made.
    """
    if not isinstance(scores, Mapping):
        raise UserError(
            f"scores and masks are dicts from parameter name to tensor, not {type(scores).__name__}"
        )
    return {
        name: score if isinstance(score, np.ndarray) else _tensor(name, score)
        for name, score in scores.items()
    }


def live_inputs(samples: "Given", deviation: float = 0.0) -> np.ndarray:
    """Which elements of the input vary over samples.

    Args:
        samples: array, tensor or nested lists, shape (samples, ...).
        deviation: bound on the standard deviation, at least 0; with 0 an element is live if it varies at all.

    Returns:
        Boolean array of the shape of one sample, True where the deviation is above the bound.

    Raises:
        UserError: there are no samples, or the bound is negative.

    Example:
        >>> live_inputs(np.array([[0.0, 1.0], [0.0, 3.0]]))
        array([False,  True])
    """
    if not deviation >= 0:
        raise UserError(f"deviation is {deviation}; give a number of at least 0")
    array = as_array(samples)
    if array.ndim < 1 or len(array) == 0:
        raise UserError(
            f"samples have shape {array.shape}; give at least one sample along the first dimension"
        )
    if deviation == 0:  # the deviation of equal floating point numbers need not be 0
        return array.max(0) != array.min(0)
    elements = array.reshape(len(array), -1)
    blocks = np.array_split(elements, elements.size // _DEVIATION_BLOCK + 1, axis=1)
    deviations = [block.std(0, dtype=np.float64) for block in blocks]
    return np.concatenate(deviations).reshape(array.shape[1:]) > deviation


def live_masks(argument: str, live, shapes: dict[str, tuple[int, ...]]) -> list[np.ndarray | None]:
    """Where paths begin or end, as callers say it.

    Args:
        argument: its name, for messages.
        live: one array, a sequence of arrays or a mapping of them by name; None for everywhere.
        shapes: of the inputs or outputs, by name.

    Returns:
        A boolean array or None (all of it) for each input or output; empty if live is None.

    Raises:
        UserError: an unknown name, or an array of another shape or dtype.
    """
    if live is None:
        return []
    if len(shapes) == 1 and not isinstance(live, Mapping):
        live = [live]
    if isinstance(live, Mapping):
        if unknown := [name for name in live if name not in shapes]:
            raise UserError(f"{argument} names {unknown[0]!r}; there are {', '.join(shapes)}")
        live = [live.get(name) for name in shapes]
    if len(live) != len(shapes):
        raise UserError(f"{argument} holds {len(live)} arrays for {', '.join(shapes)}; give one for each")
    masks: list[np.ndarray | None] = []
    for mask, (name, shape) in zip(live, shapes.items(), strict=True):
        array = None if mask is None else as_array(mask)
        if array is not None and (array.dtype != bool or array.shape not in (shape, shape[1:])):
            raise UserError(
                f"{argument} of {name} is {array.dtype} {array.shape}; give bool of shape {shape[1:]}"
            )
        masks.append(array)
    return masks


def masks_of(masks: "Mapping[str, Given]") -> "dict[str, Given]":
    """Boolean masks, made of zeros and ones where they are numbers.

    Raises:
        UserError: as for `given`; or a mask holds other numbers.
    """
    return {name: _boolean(name, mask) for name, mask in given(masks).items()}


def _boolean(name: str, mask: "Given") -> "Given":
    if str(mask.dtype).removeprefix("torch.") == "bool":
        return mask
    kept = mask != 0
    if not ((mask == 1) == kept).all():
        raise UserError(
            f"mask {name!r} holds numbers other than 0 and 1; give 1 or True where the weight is kept"
        )
    return kept


def keys_of(scores: "Given", order: Order, overwrite: bool = False) -> np.ndarray:
    """The keys of scores; they may share memory with the scores.

    Args:
        overwrite: whether they may be written over the scores.
    """
    if isinstance(scores, np.ndarray):
        array = np.require(scores, requirements=["C", "W"] if overwrite else "C")
        return order.encode(array.view(order.keys), overwrite)
    import torch

    bits = scores.detach().cpu().contiguous().view(getattr(torch, order.keys.name))
    return order.encode(bits.numpy(), overwrite)


def check_apart(scores: "Mapping[str, Given]") -> None:
    """Raise UserError if scores of two weights share memory."""
    spans = sorted((*_span(score), name) for name, score in scores.items() if 0 not in score.shape)
    for (_, end, name), (start, _, other) in pairwise(spans):
        if start < end:
            raise UserError(
                f"scores of {name!r} and {other!r} share memory; give each its own, or do not overwrite them"
            )


def scores_of(keys: np.ndarray, order: Order, like: "Given") -> "Given":
    """The scores of keys, as an array or as a tensor on the same device; the keys are lost."""
    bits = order.decode(keys)
    if isinstance(like, np.ndarray):
        return bits.view(order.scores)
    import torch

    return torch.from_numpy(bits).view(getattr(torch, order.scores)).to(like.device)


def as_array(mask: "Given") -> np.ndarray:
    """A tensor, or nested lists, as an array."""
    return mask.detach().cpu().numpy() if hasattr(mask, "detach") else np.asarray(mask)


def _span(scores: "Given") -> tuple[int, int]:
    """Where their memory begins and ends."""
    if isinstance(scores, np.ndarray):
        return byte_bounds(scores)
    last = sum((size - 1) * stride for size, stride in zip(scores.shape, scores.stride(), strict=True))
    return scores.data_ptr(), scores.data_ptr() + (last + 1) * scores.element_size()


def _tensor(name: str, scores) -> "Tensor":
    import torch

    try:
        return torch.as_tensor(scores)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name!r} is {type(scores).__name__}; give a tensor or a NumPy array") from error
