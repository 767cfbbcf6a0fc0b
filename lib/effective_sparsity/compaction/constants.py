"""What constant units add to the layers that they feed, and which of them stay zero in training."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.compaction.layers import is_kernel_layer
from effective_sparsity.compaction.recording import Recorded, Recording
from effective_sparsity.connectivity.calls import call_by_name

# Sums of float64 in another order differ by this much, relative to the sum of absolute values.
_ROUNDING = 1e-14

_BATCH = 4  # samples that a network is run on in training mode


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


class Durability:
    """Finds the constants that are zero in training mode and that no gradient moves.

    Such a constant is the result of a ReLU below zero, or at zero, where PyTorch takes its gradient as 0. The
    parameters behind it have no gradient through it either, so it stays zero, unless other constants feed it
    that are trained; weight decay only brings what is below closer to 0.

    Args:
        model: the masked model, in float64; it is left as it was.
        recording: of a run of it.
    """

    def __init__(self, model: nn.Module, recording: Recording):
        model = copy.deepcopy(model).train()
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._inputs: dict[str, list[Tensor]] = {}
        self._zeros: dict[str, np.ndarray] = {}
        names = {
            recorded.module
            for recorded in recording.calls
            if recorded.steps and is_kernel_layer(model.get_submodule(recorded.module))
        }
        for name in names:
            layer = model.get_submodule(name)
            axis = -1 if isinstance(layer, nn.Linear) else 1
            seen = self._inputs.setdefault(name, [])
            layer.register_forward_pre_hook(
                lambda _, args, seen=seen, axis=axis: seen.append(args[0].movedim(axis, 0).clone())
            )
        shape = recording.graph.shapes[0][1:]
        model(torch.randn(_BATCH, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64))

    def zeros(self, name: str, constants: Sequence[np.ndarray]) -> np.ndarray:
        """For each input of a layer whether all its constants are zero for good.

        Args:
            name: of the layer.
            constants: for each use of it, boolean of shape (inputs, *positions), True at constants.
        """
        if name not in self._zeros:
            inputs = [_only(x, constants) for x in self._inputs[name]]
            zero = torch.stack([(units == 0).all(1) for units in inputs]).all(0)
            if zero.any() and any(self._moves(units[zero]) for units in inputs):
                zero[:] = False
            self._zeros[name] = zero.numpy()
        return self._zeros[name]

    def _moves(self, units: Tensor) -> bool:
        """Whether a parameter has a gradient through these units."""
        if not units.requires_grad:
            return False
        weights = torch.randn(units.shape, generator=torch.Generator().manual_seed(1), dtype=units.dtype)
        gradients = torch.autograd.grad(
            (units * weights).sum(), self._parameters, retain_graph=True, allow_unused=True
        )
        return any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def _only(x: Tensor, constants: Sequence[np.ndarray]) -> Tensor:
    """The input (units, batch, *positions) of a layer as (units, others), zero where it is no constant."""
    units = x.flatten(2) if x.ndim > 2 else x[:, :, None]
    flat: list[np.ndarray] = [constant.reshape(len(constant), -1) for constant in constants]
    if any(constant.shape[1] != units.shape[2] for constant in flat):  # padded within the layer
        flat = [np.any(constant, axis=1, keepdims=True) for constant in flat]
    anywhere = np.any(flat, axis=0)
    return (units * torch.from_numpy(anywhere)[:, None]).flatten(1)
