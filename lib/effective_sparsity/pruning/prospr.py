"""ProsPr: prospect pruning, by the gradient of the loss after the first steps of training."""

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning.gradients import batches
from effective_sparsity.pruning.pruners import MINIBATCH, Inputs

# Of the training that it looks ahead to, as its authors' package shows it.
STEPS = 3
RATE = 0.5
MOMENTUM = 0.9


def prospr(inputs: Inputs) -> dict[str, np.ndarray]:
    """|dL(w_T) / dc| at c = 1: how the loss after T steps of SGD depends on gates c (Alizadeh et al. 2022).

    Training starts from w_0 = c w; biases and batch norm are trained, too, without gates. Each of the 3 steps
    and the last loss see their own minibatch of 128, batch norm on its statistics. The gradient is taken
    through all steps, not by the first-order approximation.
    """
    model = inputs.model().to(inputs.device).train()
    minibatch = min(MINIBATCH, len(inputs.dataset.train_labels))
    stream = batches(inputs.dataset, minibatch, inputs.seed, inputs.device)
    gates = {name: torch.ones_like(weight, requires_grad=True) for name, weight in kernels(model).items()}
    parameters = {name: value * gates.get(name, 1) for name, value in model.named_parameters()}
    velocities = {name: torch.zeros_like(value) for name, value in parameters.items()}

    def loss() -> torch.Tensor:
        images, labels = next(stream)
        return nn.functional.cross_entropy(functional_call(model, parameters, (images,)), labels)

    for _ in range(STEPS):
        gradients = torch.autograd.grad(loss(), list(parameters.values()), create_graph=True)
        for name, gradient in zip(velocities, gradients, strict=True):
            velocities[name] = MOMENTUM * velocities[name] + gradient
            parameters[name] = parameters[name] - RATE * velocities[name]
    slopes = torch.autograd.grad(loss(), list(gates.values()))
    return {name: slope.abs().cpu().numpy() for name, slope in zip(gates, slopes, strict=True)}
