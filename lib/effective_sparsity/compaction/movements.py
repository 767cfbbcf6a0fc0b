"""Units through operations that move elements: views, permutations, slices, padding, concatenation."""

from collections.abc import Sequence

import numpy as np

from effective_sparsity.compaction.classes import Classes
from effective_sparsity.connectivity.operators import Concatenation, Operator, Rearrangement
from effective_sparsity.connectivity.weighted import Weighted

_NOTHING = -1  # in the place of a unit: the element was filled in by the operation


def sources(operator: Operator | Weighted, elements: Sequence[np.ndarray]) -> np.ndarray:
    """What stands at each element of the result; -1 for elements that the operation filled in.

    Args:
        operator: a rearrangement or concatenation.
        elements: for each operand what stands at each of its elements.
    """
    if isinstance(operator, Concatenation):
        remaining = iter(elements)
        parts = [
            np.full(shape, 0) if constant else next(remaining)
            for shape, constant in zip(operator.shapes, operator.constant, strict=True)
        ]
        return np.concatenate(parts, operator.dim)
    assert isinstance(operator, Rearrangement)
    flat = np.concatenate([part.reshape(-1) for part in elements])
    if operator.origin is not None:
        flat = np.concatenate([[_NOTHING], flat])[operator.origin]
    return flat.reshape(operator.result)


def follow(
    operator: Operator | Weighted, elements: Sequence[np.ndarray], classes: Classes
) -> np.ndarray | None:
    """The units of the result, along the one dimension that they have to themselves.

    Units that come to lie at the same index are tied. Where several dimensions could be that of the units, it
    is the one that ties least.

    Args:
        operator: a rearrangement or concatenation.
        elements: for each operand the unit at each of its elements.
        classes: in which units are tied.

    Returns:
        Of the rank of the result, with size 1 in the other dimensions; None if no dimension leaves two units
        apart.
    """
    moved = sources(operator, elements)
    candidates = [_ties(moved, dim) for dim in range(moved.ndim) if moved.shape[dim] > 1]
    n_classes, units, pairs = max(candidates, key=lambda candidate: candidate[0], default=(0, moved, moved))
    if n_classes < 2:
        return None
    classes.join(pairs[:, 0], pairs[:, 1])
    return units


def _ties(moved: np.ndarray, dim: int) -> tuple[int, np.ndarray, np.ndarray]:
    """If dim were the units' dimension: how many classes are left, a unit per index, and the ties."""
    others = tuple(other for other in range(moved.ndim) if other != dim)
    units = moved.max(others, keepdims=True)  # nothing is less than any unit
    tied = (moved != _NOTHING) & (moved != units)
    pairs = np.unique(np.stack([np.broadcast_to(units, moved.shape)[tied], moved[tied]], 1), axis=0)
    units = np.maximum(units, 0)
    classes = Classes()
    classes.new(int(moved.max()))
    classes.join(pairs[:, 0], pairs[:, 1])
    return len(np.unique(classes.find(units))), units, pairs
