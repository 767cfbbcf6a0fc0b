"""Pruning that keeps the spectrum of the neural tangent kernel, whatever the weights (Wang et al. 2023)."""

import math

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from effective_sparsity.connectivity.vectors import unflatten
from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning.iterative import removal_order
from effective_sparsity.pruning.models import parts
from effective_sparsity.pruning.pruners import Inputs

# The authors' setting for ten classes: steps, draws of weights in a step, inputs for each class and in a
# batch, and the standard deviation of the perturbation of a weight.
STEPS = 20
DRAWS = 5
SAMPLES_PER_CLASS = 10
BATCH = 256
PERTURBATION = 0.01

# Names the random stream of weights, inputs and perturbations among all that start from a study's seed.
_NOISE = 10


def ntk_sap(inputs: Inputs) -> dict[str, np.ndarray]:
    """|d/dm sum |f(m w) - f(m (w + e))|^2| at the mask m,, in 20 steps to the target compression.

    The sum is a finite difference of the trace of the neural tangent kernel, over inputs of Gaussian noise.
    Weights w are drawn anew from the network's initial distribution for each of 5 batches in a step, and e
    has standard deviation 0.01. Batch norm has the statistics of the unperturbed network on the same batch.
    Neither data nor initial weights are looked at.
    """
    model = inputs.architecture.build()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0  # its statistics are those of the last batch
    weights = kernels(model)
    mask = torch.ones(inputs.n_weights, requires_grad=True)
    random = torch.Generator().manual_seed(
        int(np.random.SeedSequence([inputs.seed, _NOISE]).generate_state(1)[0])
    )
    n_samples = SAMPLES_PER_CLASS * inputs.architecture.classes
    n_draws = max(DRAWS, math.ceil(n_samples / BATCH))
    shape = (min(n_samples, BATCH), *inputs.architecture.input_shape)

    def masked(values: torch.Tensor) -> dict[str, torch.Tensor]:
        return parts(mask * values, weights)

    def change(drawn: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """What a perturbation of the weights changes in the logits, squared and summed."""
        with torch.no_grad():
            functional_call(model.train(), masked(drawn), (images,))
        model.eval()
        perturbed = drawn + PERTURBATION * torch.randn(len(drawn), generator=random)
        before = functional_call(model, masked(drawn), (images,))
        return (before - functional_call(model, masked(perturbed), (images,))).square().sum()

    def saliency(removed: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            mask[torch.from_numpy(removed).long()] = 0
        total = torch.zeros_like(mask)
        for _ in range(n_draws):
            initialise(model, seed=int(torch.randint(2**62, (), generator=random)))
            drawn = torch.cat([weight.detach().flatten() for weight in weights.values()])
            images = torch.randn(shape, generator=random)
            total += torch.autograd.grad(change(drawn, images), mask)[0]
        return total.abs().numpy()

    order = removal_order(inputs.n_weights, inputs.compression, STEPS, saliency)
    return unflatten(order, inputs.weights)
