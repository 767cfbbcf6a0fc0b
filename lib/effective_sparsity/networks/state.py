"""Networks as named arrays: their initial state, and models made from a state."""

import numpy as np
import torch
from torch import nn

from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import Network
from effective_sparsity.networks.types import State


def initial_state(network: Network, seed: int) -> tuple[State, list[str]]:
    """The state_dict of a freshly initialised network, and the names of its prunable weights in order."""
    model = network.build()
    initialise(model, seed)
    return state_of(model), list(kernels(model))


def state_of(model: nn.Module) -> State:
    """A copy of the model's state_dict as arrays."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}


def with_state(model: nn.Module, state: State) -> nn.Module:
    """`model` with `state` loaded into it."""
    model.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in state.items()})
    return model
