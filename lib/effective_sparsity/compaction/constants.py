"""What constant units add to the layers that they feed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from effective_sparsity.compaction.recording import Recorded
from effective_sparsity.connectivity.calls import call_by_name

# Sums of float64 in another order differ by this much, relative to the sum of absolute values.
_ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class Shift:
    """What constants add to the results of a layer.

    Attributes:
        values: shape (outputs, *positions), 0 where the result does not matter.
        uniform: shape (outputs,), if it is the same at all positions that matter; else None.
    """

    values: Tensor
    uniform: Tensor | None


def operand_name(recorded: Recorded) -> str:
    """The argument that holds the activation of a linear layer or convolution."""
    return next(name for name in ("input", "mat1", "self") if name in recorded.call)


def shift(recorded: Recorded, constant: np.ndarray, matters: np.ndarray) -> Shift | None:
    """What constant units add to the result of one use of a kernel; None if nothing.

    Args:
        recorded: the use.
        constant: boolean, broadcastable to the shape of the activation; True at the constants to count.
        matters: boolean, of the shape of the result; True where the result is needed.
    """
    x = recorded.call.tensors[operand_name(recorded)]
    x = torch.where(torch.from_numpy(np.broadcast_to(constant, x.shape).copy()), x, 0)
    if not x.any():
        return None
    needed = _by_output(torch.from_numpy(matters.copy()), recorded)
    values = _by_output(_apply(recorded, x), recorded) * needed
    tolerance = _ROUNDING * _by_output(_apply(recorded, x.abs(), absolute=True), recorded)
    if not values.any():
        return None
    flat, rows = values.flatten(1), needed.flatten(1)
    highest = flat.masked_fill(~rows, -torch.inf).amax(1)
    lowest = flat.masked_fill(~rows, torch.inf).amin(1)
    middle = torch.where(rows.any(1), (highest + lowest) / 2, 0)
    spread = torch.where(rows.any(1), highest - lowest, 0)
    uniform = bool((spread <= tolerance.flatten(1).amax(1)).all())
    return Shift(values, middle if uniform else None)


def common(shifts: Sequence[Shift | None]) -> Tensor | None:
    """The bias that serves all uses of a layer; None if there is none."""
    biases = [None if one is None else one.uniform for one in shifts]
    given = [one for one in shifts if one is not None]
    if any(one.uniform is None for one in given):
        return None
    vectors = [torch.zeros(len(given[0].values)).double() if b is None else b for b in biases]
    largest = max(float(vector.abs().max()) for vector in vectors)
    same = all(torch.allclose(vector, vectors[0], rtol=0, atol=_ROUNDING * largest) for vector in vectors)
    return vectors[0] if same else None


def _apply(recorded: Recorded, x: Tensor, absolute: bool = False) -> Tensor:
    call = recorded.call
    name = "weight" if "weight" in call else "mat2"
    weight = call.tensors[name].abs() if absolute else call.tensors[name]
    if name == "mat2":
        return x @ weight
    return call_by_name(call.operation, call.tensors | {"input": x, "weight": weight, "bias": None})


def _by_output(result: Tensor, recorded: Recorded) -> Tensor:
    """Results of one sample with the outputs first."""
    return result.mT if "mat2" in recorded.call else result[0]
