"""Progressive skeletonization: pruning in steps that look at the network as it is after pruning.

De Jorge et al. 2021. Gradients are those of the cross-entropy in the pruned network, on b fresh training
samples in each of 60 steps, with batch norm on the statistics of minibatches of at most 128. Both numbers are
those of the authors' published commands.
"""

import numpy as np
import torch

from effective_sparsity.connectivity.vectors import unflatten
from effective_sparsity.pruning.gradients import gradients
from effective_sparsity.pruning.iterative import order_with_return, removal_order
from effective_sparsity.pruning.models import as_one_vector
from effective_sparsity.pruning.pruners import Inputs

STEPS = 60


def force(inputs: Inputs) -> dict[str, np.ndarray]:
    """|w dL/dv| at the pruned weights v: foresight connection sensitivity (algorithm 1, FORCE).

    w are the dense weights: the gradient also says what a pruned weight would do, so that it may return.
    """
    model = inputs.model().to(inputs.device).train()
    vector = as_one_vector(model)
    dense = vector.clone()
    fresh = gradients(inputs, model, inputs.architecture.snip_batch)

    def saliency(removed: np.ndarray) -> np.ndarray:
        vector.copy_(dense)
        vector[torch.from_numpy(removed).long()] = 0
        return (dense * next(fresh)).abs().cpu().numpy()

    order = order_with_return(inputs.n_weights, inputs.compression, STEPS, saliency)
    return unflatten(order, inputs.weights)


def grasp_iterative(inputs: Inputs) -> dict[str, np.ndarray]:
    """(dL/dv)^2: what a weight adds to the squared gradient norm of the pruned network (Iterative GraSP).

    This is the gradient norm after pruning that GraSP maximises to first order, in the form of the authors'
    code. Pruned weights stay pruned.
    """
    model = inputs.model().to(inputs.device).train()
    vector = as_one_vector(model)
    fresh = gradients(inputs, model, inputs.architecture.snip_batch)

    def saliency(removed: np.ndarray) -> np.ndarray:
        vector[torch.from_numpy(removed).long()] = 0
        # In float64, where the square of a float32 is exact.
        return np.square(next(fresh).cpu().numpy(), dtype=np.float64)

    order = removal_order(inputs.n_weights, inputs.compression, STEPS, saliency)
    return unflatten(order, inputs.weights)
