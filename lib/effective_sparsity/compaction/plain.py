"""Models without the trimmings of their makers: one input, and every weight an ordinary parameter."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from effective_sparsity.connectivity.inputs import arguments_of
from effective_sparsity.errors import UserError


def sample_shape(inputs) -> tuple[int, ...]:
    """The shape of one sample, without the batch.

    Args:
        inputs: that shape, or an example of a model's only input, with a batch.

    Raises:
        UserError: there are several inputs, named ones, or one that holds no floating point numbers.
    """
    arguments = arguments_of(inputs, (), torch.float64)
    example = arguments.args[0] if len(arguments.args) == 1 and not arguments.kwargs else None
    if not isinstance(example, Tensor):
        raise UserError("compaction takes models of one input; give its shape without the batch")
    if not (example.is_floating_point() and example.ndim):
        raise UserError("compaction takes models of floating point inputs; this input holds other values")
    return tuple(example.shape[1:])


def plain_copy(model: nn.Module) -> nn.Module:
    """A copy of a model in which masks of torch.nn.utils.prune and parametrizations are applied for good."""
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf  # cannot be copied
    }
    plain = copy.deepcopy(model, computed)
    for module in plain.modules():
        for hook in list(module._forward_pre_hooks.values()):
            if isinstance(hook, prune.BasePruningMethod):
                prune.remove(module, hook._tensor_name)
        if parametrize.is_parametrized(module):
            _bake(module)
    return plain


def _bake(module: nn.Module) -> None:
    # Not remove_parametrizations, which takes attributes from a class that the original shares.
    values = {
        name: getattr(module, name).detach()
        for name, _ in module.get_submodule("parametrizations").named_children()
    }
    module.__class__ = parametrize.type_before_parametrizations(module)
    del module._modules["parametrizations"]
    for name, value in values.items():
        module.register_parameter(name, nn.Parameter(value))
