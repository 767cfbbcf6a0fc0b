"""Models without the trimmings of pruning: every weight an ordinary parameter."""

import copy

from torch import Tensor, nn
from torch.nn.utils import parametrize, prune


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
