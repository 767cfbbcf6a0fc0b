"""The compacted network: a copy of the model with narrower layers."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.compaction.layers import (
    BIAS_MAPS,
    Constant,
    KernelLayer,
    WithBiasMap,
    is_kernel_layer,
)
from effective_sparsity.compaction.plan import Plan
from effective_sparsity.compaction.units import Kernel


def narrowed(model: nn.Module, plan: Plan) -> nn.Module:
    """A copy of the masked model whose layers have the units that are kept, and constants in their biases."""
    compact = cut(model, plan)
    for name, shift in plan.shifts.items():
        kept = torch.from_numpy(plan.keeps(plan.kernel_layers[name].outputs))
        layer = compact.get_submodule(name)
        assert is_kernel_layer(layer)
        compact.set_submodule(name, _shifted(layer, shift[kept].to(layer.weight)))
    return compact


def cut(model: nn.Module, plan: Plan) -> nn.Module:
    """As `narrowed`, without the constants."""
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
        elif name in plan.propagation.unitwise:
            _narrow_unitwise_layer(module, plan.keeps(plan.propagation.unitwise[name]))
    return compact


def n_groups(inputs: np.ndarray, groups: int) -> int:
    """How many groups of a convolution are left."""
    return int(inputs.reshape(groups, -1).any(1).sum())


def _narrow_kernel_layer(
    module: KernelLayer, plan: Plan, kernel: Kernel, sliced: dict[int, nn.Parameter]
) -> None:
    inputs, outputs = plan.keeps(kernel.inputs), plan.keeps(kernel.outputs)
    if inputs.all() and outputs.all():
        return  # which leaves what shares the weight with this layer in another way
    weight = module.weight
    if id(weight) not in sliced:
        sliced[id(weight)] = nn.Parameter(
            _narrow_kernel(weight, kernel, inputs, outputs), weight.requires_grad
        )
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


def _narrow_kernel(weight: Tensor, kernel: Kernel, inputs: np.ndarray, outputs: np.ndarray) -> Tensor:
    """The weight of the units that are kept, of shape (outputs, inputs / groups, *taps) unless transposed."""
    first, second = (inputs, outputs) if kernel.transposed else (outputs, inputs)
    sides = (torch.from_numpy(side).view(kernel.groups, -1) for side in (first, second))
    blocks = weight.detach().view(kernel.groups, -1, *weight.shape[1:])
    parts = [
        block[rows][:, columns] for block, rows, columns in zip(blocks, *sides, strict=True) if rows.any()
    ]
    return torch.cat(parts).contiguous()


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
    narrow = tensor.detach()[torch.from_numpy(kept).to(tensor.device)]
    is_parameter = isinstance(tensor, nn.Parameter)
    setattr(module, name, nn.Parameter(narrow, tensor.requires_grad) if is_parameter else narrow)


def _shifted(module: KernelLayer, shift: Tensor) -> nn.Module:
    """A layer with a shift of its results, of shape (outputs,) or (outputs, *positions)."""
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
    (result,) = plan.recording.results[value].numpy()[plan.kept(value)]
    like = next(tensor for tensor in [*module.parameters(), *module.buffers()] if tensor.is_floating_point())
    return Constant(torch.from_numpy(result).to(like).clone())
