"""Initial weights: deterministic for a seed, layer by layer."""

import math

import numpy as np
import torch
from torch import nn

from effective_sparsity.networks.prunable import kernels

# Standard deviation of the standard normal distribution cut at two sigma.
_STD_CUT_AT_TWO_SIGMA = 0.87962566103423978


def initialise(model: nn.Module, seed: int) -> None:
    """Initialise all kernels of `model` in place; biases become 0, batch norm the identity.

    Kernels follow the truncated normal distribution of variance 2 / fan_avg, cut at two sigma
    (He et al. 2015 with the mean of both fans: the setting of the paper's reference implementation).
    Each layer has its own random stream, so the weights of one layer do not depend on those before it.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.reset_parameters()
        elif isinstance(bias := getattr(module, "bias", None), torch.Tensor):
            nn.init.zeros_(bias)
    for layer, weight in enumerate(kernels(model).values()):
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(weight)
        sigma = math.sqrt(4 / (fan_in + fan_out)) / _STD_CUT_AT_TWO_SIGMA
        stream = torch.Generator().manual_seed(
            int(np.random.SeedSequence([seed, layer]).generate_state(1)[0])
        )
        nn.init.trunc_normal_(weight, std=sigma, a=-2 * sigma, b=2 * sigma, generator=stream)
