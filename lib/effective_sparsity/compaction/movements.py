"""Units through operations that move elements: views, permutations, slices, padding, concatenation."""

from collections.abc import Sequence

import numpy as np

from effective_sparsity.compaction.classes import Classes
from effective_sparsity.connectivity.operators import Concatenation, Operator, Rearrangement
from effective_sparsity.connectivity.weighted import Weighted

Shape = tuple[int, ...]
Operand = tuple[Shape, int | None]  # shape, and the dimension of its units if it has any

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
    operator: Operator | Weighted,
    operands: Sequence[Operand],
    classes: Classes,
    ids: Sequence[np.ndarray | None],
) -> tuple[int, np.ndarray] | None:
    """The dimension of the units in the result, and the unit at each index of it.

    Units that come to lie at the same index are tied. Where several dimensions could be that of the units, it
    is the one that ties least.

    Args:
        operator: a rearrangement or concatenation.
        operands: the operands' shapes and dimensions of units.
        classes: in which units are tied.
        ids: of the units of each operand.

    Returns:
        None if no dimension leaves two units apart.
    """
    elements = [
        np.zeros(shape, np.int64) if dim is None or unit is None else _spread(unit, shape, dim)
        for (shape, dim), unit in zip(operands, ids, strict=True)
    ]
    moved = sources(operator, elements)
    candidates = [_ties(moved, dim) for dim in range(moved.ndim) if moved.shape[dim] > 1]
    best = max(candidates, key=lambda candidate: candidate[0], default=None)
    if best is None or best[0] < 2:
        return None
    _, dim, first, pairs = best
    classes.join(pairs[:, 0], pairs[:, 1])
    return dim, first


def _spread(ids: np.ndarray, shape: Shape, dim: int) -> np.ndarray:
    return np.broadcast_to(ids.reshape(-1, *(1,) * (len(shape) - dim - 1)), shape)


def _ties(moved: np.ndarray, dim: int) -> tuple[int, int, np.ndarray, np.ndarray]:
    """If dim were the units' dimension: how many classes are left, dim, a unit per index, and the ties."""
    rows = np.moveaxis(moved, dim, 0).reshape(moved.shape[dim], -1)
    first = rows.max(1)  # nothing is less than any unit
    firsts = np.broadcast_to(first[:, None], rows.shape)
    other = (rows != _NOTHING) & (rows != firsts)
    pairs = np.unique(np.stack([firsts[other], rows[other]], 1), axis=0)
    first = np.where(first == _NOTHING, 0, first)
    tied = Classes()
    tied.new(int(moved.max()))
    tied.join(pairs[:, 0], pairs[:, 1])
    return len(np.unique(tied.find(first))), dim, first, pairs
