"""Which constants stay zero while the network is trained."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.compaction.layers import is_kernel_layer
from effective_sparsity.compaction.recording import Recording

_BATCH = 4


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
