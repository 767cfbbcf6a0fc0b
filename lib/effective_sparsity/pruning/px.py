"""Path exclusion: pruning that keeps a bound of the neural tangent kernel's trace (Iurada et al. 2024)."""

import numpy as np
import torch
from torch import nn

from effective_sparsity.connectivity.vectors import unflatten
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning.gradients import samples, some_of_each_class
from effective_sparsity.pruning.iterative import removal_order
from effective_sparsity.pruning.models import as_one_vector, path_flows, replaced, without_batch_norm
from effective_sparsity.pruning.pruners import Inputs

STEPS = 100
SAMPLES_PER_CLASS = 10


class _Gate(nn.Module):
    """Lets through what a relu of another network let through last."""

    def __init__(self, relu: nn.Module):
        super().__init__()
        self.open = torch.empty(0)
        relu.register_forward_hook(self._look)

    def _look(self, relu: nn.Module, given: tuple, passed: torch.Tensor) -> None:
        self.open = passed > 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.open


def px(inputs: Inputs) -> dict[str, np.ndarray]:
    """w^2 dR/d(w^2) in 100 steps to the target compression, R a bound of the trace of the kernel.

    R sums, over samples x and logits k, the product of two sums over all paths to k: of x^2 along the paths
    that are active for x, and of the products of w^2. The first is the output of the network whose weights
    are 1, whose input is x^2 and whose relus let through what they do in the network itself; the second that
    of the network with weights w^2, no relu and an input of ones. Pruned weights are 0 in all three, biases
    and batch norm are left out of all. The samples are 10 of each class, the same in all steps.

    In float64, as for SynFlow.
    """
    network = without_batch_norm(inputs.model()).to(inputs.device).double()
    with torch.no_grad():
        for bias in set(network.parameters()) - set(kernels(network).values()):
            bias.zero_()
    structure = replaced(network, nn.ReLU, lambda relu: nn.Identity())
    data = replaced(network, nn.ReLU, _Gate)
    vectors = [as_one_vector(model) for model in (network, structure, data)]
    vectors[1].square_()
    vectors[2].fill_(1)

    chosen = some_of_each_class(inputs.dataset.train_labels, SAMPLES_PER_CLASS, inputs.seed)
    images = samples(inputs.dataset, chosen, inputs.device)[0].double()
    flows = path_flows(structure, torch.ones_like(images[:1]))

    def saliency(removed: np.ndarray) -> np.ndarray:
        for vector in vectors:
            vector[torch.from_numpy(removed).long()] = 0
        with torch.no_grad():
            network(images)
            active = data(images.square()).sum(0)
        return flows(active)

    order = removal_order(inputs.n_weights, inputs.compression, STEPS, saliency)
    return unflatten(order, inputs.weights)
