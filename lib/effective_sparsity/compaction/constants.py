"""What constant units add to the layers that they feed, and which of them stay zero in training."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.compaction.recording import Recorded, Recording
from effective_sparsity.compaction.units import Kernel
from effective_sparsity.connectivity.calls import call_by_name
from effective_sparsity.errors import UserError

# Sums of float64 in another order differ by this much, relative to the sum of absolute values.
_ROUNDING = 1e-14

_BATCH = 4  # samples that a network is run on in training mode


@dataclass(frozen=True, eq=False)
class Shift:
    """What constants add to the results of a layer.

    Attributes:
        values: shape (outputs, positions of all uses), 0 where the result does not matter.
        bias: shape (outputs,), if it is the same at all positions that matter; else None.
    """

    values: Tensor
    bias: Tensor | None


def shift(uses: Sequence[tuple[Recorded, np.ndarray, np.ndarray]], axis: int) -> Shift | None:
    """What constant units add to the results of a layer; None if nothing.

    Args:
        uses: the operation of each use, with two boolean arrays: of the shape of the activation, True at the
            constants to count, and of the shape of the result, True where it is needed.
        axis: dimension of the units.
    """
    inputs = [torch.where(torch.from_numpy(constant), use.activation, 0) for use, constant, _ in uses]
    if not any(x.any() for x in inputs):
        return None
    parts = []
    for (recorded, _, matters), x in zip(uses, inputs, strict=True):
        results = _apply(recorded, x), _apply(recorded, x.abs(), absolute=True), torch.from_numpy(matters)
        parts.append([result.movedim(axis, 0).flatten(1) for result in results])
    values, sums, needed = (torch.cat(results, 1) for results in zip(*parts, strict=True))
    values = values * needed
    if not values.any():
        return None
    highest = values.masked_fill(~needed, -torch.inf).amax(1)
    lowest = values.masked_fill(~needed, torch.inf).amin(1)
    if (highest - lowest > _ROUNDING * sums.amax(1)).any():
        return Shift(values, None)
    return Shift(values, torch.where(needed.any(1), (highest + lowest) / 2, 0))


def _apply(recorded: Recorded, x: Tensor, absolute: bool = False) -> Tensor:
    """The results without a bias, of the weight or of its absolute values."""
    call = recorded.call
    name = "weight" if "weight" in call else "mat2"
    weight = call.tensors[name].abs() if absolute else call.tensors[name]
    if name == "mat2":
        return x @ weight
    return call_by_name(call.operation, call.tensors | {"input": x, "weight": weight, "bias": None})


class Durability:
    """Finds the constants that are zero in training mode and that no gradient moves.

    Such a constant is the result of a ReLU below zero, or at zero, where PyTorch takes its gradient as 0. The
    parameters behind it have no gradient through it either, so it stays zero, unless other constants feed it
    that are trained; weight decay only brings what is below closer to 0.

    Args:
        model: the masked model, in float64; it is left as it was.
        recording: of a run of it.
        layers: name of each layer with a kernel -> the kernel.

    Raises:
        UserError: the model does not run in training mode.
    """

    def __init__(self, model: nn.Module, recording: Recording, layers: Mapping[str, Kernel]):
        model = copy.deepcopy(model).train()
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._inputs: dict[str, list[Tensor]] = {}
        self._zeros: dict[str, np.ndarray] = {}
        for name, kernel in layers.items():
            self._inputs[name] = []
            model.get_submodule(name).register_forward_pre_hook(
                lambda _, args, seen=self._inputs[name], axis=kernel.axis: seen.append(
                    args[0].movedim(axis, 0).clone()
                )
            )
        shape = recording.graph.shapes[0][1:]
        x = torch.randn(_BATCH, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        try:
            model(x)
        except Exception as error:  # whatever it raises
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"the model does not run in training mode, so it is not compacted for training: {reason}"
            ) from error

    def zeros(self, name: str, constants: Sequence[np.ndarray]) -> np.ndarray:
        """For each input of a layer whether all its constants are zero for good.

        Args:
            name: of the layer.
            constants: for each use of it, boolean of shape (inputs, positions), True at constants.
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
    if any(constant.shape[1] != units.shape[2] for constant in constants):  # padded within the layer
        constants = [np.any(constant, axis=1, keepdims=True) for constant in constants]
    anywhere = np.any(constants, axis=0)
    return (units * torch.from_numpy(anywhere)[:, None]).flatten(1)
