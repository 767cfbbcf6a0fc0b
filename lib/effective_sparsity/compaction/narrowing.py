"""The compacted network: a copy of the model with narrower layers."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.compaction.layers import (
    BIAS_MAPS,
    TRANSPOSED,
    Constant,
    KernelLayer,
    WithBiasMap,
    is_kernel_layer,
)
from effective_sparsity.compaction.plan import Plan
from effective_sparsity.compaction.units import Kernel


def narrowed(model: nn.Module, plan: Plan) -> nn.Module:
    """A copy of the masked model whose layers have the units that are kept."""
    compact = copy.deepcopy(model)
    originals = dict(compact.named_parameters())  # kept alive, so that no other object takes their ids
    kernels = {id(originals[name]): kernel for name, kernel in plan.propagation.kernels.items()}
    sliced: dict[int, nn.Parameter] = {}
    for name, module in list(compact.named_modules()):
        kernel = kernels.get(id(getattr(module, "weight", None)))
        if name in plan.constant_layers:
            compact.set_submodule(name, _constant(module, plan, plan.constant_layers[name]))
        elif name in plan.idle_layers:
            compact.set_submodule(name, nn.Identity())
        elif kernel is not None and is_kernel_layer(module):
            _narrow_kernel_layer(module, plan, kernel, sliced)
            if name in plan.shifts:
                shift = plan.shifts[name][torch.from_numpy(plan.keeps(kernel.outputs))]
                compact.set_submodule(name, _shifted(module, shift))
        elif name in plan.propagation.unitwise:
            _narrow_unitwise_layer(module, plan.keeps(plan.propagation.unitwise[name]))
    return compact


def narrow_kernel(
    tensor: Tensor, inputs: np.ndarray, outputs: np.ndarray, groups: int, transposed: bool
) -> Tensor:
    """A weight, or a mask of its shape, with the inputs and outputs that are kept.

    Args:
        tensor: shape (outputs, inputs / groups, *taps); (inputs, outputs / groups, *taps) if transposed.
        inputs, outputs: boolean, True where the unit is kept.
    """
    first, second = (inputs, outputs) if transposed else (outputs, inputs)
    rows, columns = torch.from_numpy(first).view(groups, -1), torch.from_numpy(second).view(groups, -1)
    blocks = tensor.detach().view(groups, -1, *tensor.shape[1:])
    return torch.cat(
        [block[row][:, column] for block, row, column in zip(blocks, rows, columns, strict=True) if row.any()]
    ).contiguous()


def n_groups(inputs: np.ndarray, groups: int) -> int:
    """How many groups of a convolution are left."""
    return int(inputs.reshape(groups, -1).any(1).sum())


def _narrow_kernel_layer(
    module: KernelLayer, plan: Plan, kernel: Kernel, sliced: dict[int, nn.Parameter]
) -> None:
    inputs, outputs = plan.keeps(kernel.inputs), plan.keeps(kernel.outputs)
    weight = module.weight
    if id(weight) not in sliced:
        narrow = narrow_kernel(weight, inputs, outputs, kernel.groups, isinstance(module, TRANSPOSED))
        sliced[id(weight)] = nn.Parameter(narrow, weight.requires_grad)
    module.weight = sliced[id(weight)]
    if isinstance(module, nn.Linear):
        module.in_features, module.out_features = int(inputs.sum()), int(outputs.sum())
    else:
        module.in_channels, module.out_channels = int(inputs.sum()), int(outputs.sum())
        module.groups = n_groups(inputs, kernel.groups)
    if module.bias is not None:
        _slice(module, "bias", outputs)
    if isinstance(module, WithBiasMap):
        _slice(module, "bias_map", outputs)


def _narrow_unitwise_layer(module: nn.Module, kept: np.ndarray) -> None:
    for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
        if tensor.numel() > 1:
            _slice(module, name, kept)
    if isinstance(module, nn.PReLU):
        module.num_parameters = int(kept.sum())
    elif isinstance(module, nn.modules.batchnorm._BatchNorm):
        module.num_features = int(kept.sum())


def _slice(module: nn.Module, name: str, kept: np.ndarray) -> None:
    tensor = getattr(module, name)
    narrow = tensor.detach()[torch.from_numpy(kept).to(tensor.device)].clone()
    is_parameter = isinstance(tensor, nn.Parameter)
    setattr(module, name, nn.Parameter(narrow, tensor.requires_grad) if is_parameter else narrow)


def _shifted(module: KernelLayer, shift: Tensor) -> nn.Module:
    """A layer with a shift of its results, of shape (outputs,) or (outputs, *positions)."""
    shift = shift.to(module.weight)
    with torch.no_grad():
        if shift.ndim == 1:
            if module.bias is None:
                module.bias = nn.Parameter(torch.zeros_like(shift))
            module.bias += shift
        elif isinstance(module, WithBiasMap):
            module.bias_map += shift
        else:
            return _with_bias_map(module, shift)
    return module


def _with_bias_map(module: nn.Module, shift: Tensor) -> WithBiasMap:
    kind = BIAS_MAPS[type(module)]
    shifted = kind.__new__(kind)
    shifted.__dict__.update(module.__dict__)
    shifted.register_buffer("bias_map", shift)
    return shifted


def _constant(module: nn.Module, plan: Plan, value: int) -> Constant:
    result = plan.recording.results[value][0]
    units = plan.propagation.units[value]
    if units is not None:
        kept = torch.from_numpy(np.flatnonzero(plan.keeps(units.ids)))
        result = result.index_select(units.dim - 1, kept)
    like = next(tensor for tensor in [*module.parameters(), *module.buffers()] if tensor.is_floating_point())
    return Constant(result.to(like).clone())
