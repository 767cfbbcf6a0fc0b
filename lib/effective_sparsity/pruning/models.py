"""Models as pruners change them: all weights in one vector, layers replaced."""

import copy
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from effective_sparsity.networks.prunable import kernels


def as_one_vector(model: nn.Module) -> torch.Tensor:
    """All prunable weights of `model` in one vector (N,): writing to it changes the model."""
    weights = kernels(model)
    vector = torch.cat([weight.detach().flatten() for weight in weights.values()])
    for name, part in parts(vector, weights).items():
        weights[name].data = part
    return vector


def parts(vector: torch.Tensor, like: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Views of a vector (N,) with the names and shapes of `like`."""
    pieces = vector.split([weight.numel() for weight in like.values()])
    return {name: piece.view_as(like[name]) for name, piece in zip(like, pieces, strict=True)}


def replaced(
    model: nn.Module, kind: type[nn.Module], replacement: Callable[[nn.Module], nn.Module]
) -> nn.Module:
    """A copy of `model` that has the replacement of each module of a kind in its place."""
    copied = copy.deepcopy(model)
    for name, module in model.named_modules():
        if isinstance(module, kind):
            parent, _, child = name.rpartition(".")
            setattr(copied.get_submodule(parent), child, replacement(module))
    return copied


def without_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of `model` whose batch norm does nothing."""
    return replaced(model, nn.modules.batchnorm._BatchNorm, lambda norm: nn.Identity())


def path_flows(model: nn.Module, images: torch.Tensor) -> Callable[[torch.Tensor | float], np.ndarray]:
    """How much of what flows through `model` each prunable weight carries.

    Args:
        model: as it is when the flows are asked for; its prunable weights are not negative.
        images: the input, (1, channels, height, width).

    Returns:
        From a factor of each logit, (classes,), to w dR/dw of each prunable weight, (N,): R is the sum of the
        logits times their factors. Each call writes to the same array.
    """
    weights = kernels(model)
    flows = torch.cat([weight.detach().flatten() for weight in weights.values()])
    flow_of = parts(flows, weights)

    def flows_to(factors: torch.Tensor | float) -> np.ndarray:
        slopes = torch.autograd.grad((model(images) * factors).sum(), list(weights.values()))
        for (name, weight), slope in zip(weights.items(), slopes, strict=True):
            torch.mul(weight.detach(), slope, out=flow_of[name])
        return flows.cpu().numpy()

    return flows_to
