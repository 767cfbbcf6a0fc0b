"""A network small enough to draw, pruned like those of the study."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from torch import nn

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.rank import rank
from effective_sparsity.pruning.subnetworks import subnetwork

WIDTHS = (10, 8, 6, 4)
PRUNERS_SHOWN = ("random-uniform", "random-igq", "synflow")


def toy_network(classes: int) -> nn.Module:
    """Fully connected, of `WIDTHS` units; `classes` of them are its outputs."""
    layers = []
    for n_in, n_out in pairwise([*WIDTHS[:-1], classes]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def toy_subnetworks(compression: float, seed: int) -> pd.DataFrame:
    """The weights that direct pruning to `compression` keeps in the toy network.

    Returns:
        One row per kept weight: pruner, n_weights (of the whole network), layer (from 0), source and target
        (units of the layer before and after the weight, from 0), active.
    """
    network = replace(
        NETWORKS["lenet-300-100"],
        layers=(),
        builder=f"{__name__}:toy_network",
        input_shape=(1, 1, WIDTHS[0]),
        classes=WIDTHS[-1],
    )
    state, prunable = initial_state(network, seed)
    inputs = Inputs(network, state, tuple(prunable), seed=seed, compression=compression)
    connectivity = Connectivity(inputs.model(), network.input_shape)
    rows = []
    for pruner in PRUNERS_SHOWN:
        pruned = subnetwork(rank(PRUNERS[pruner], inputs, connectivity), "direct", compression)
        assert pruned, f"{pruner} reaches every compression"
        for layer, name in enumerate(prunable):
            for target, source in np.argwhere(pruned.kept[name]):
                active = bool(pruned.active[name][target, source])
                rows.append((pruner, inputs.n_weights, layer, int(source), int(target), active))
    return pd.DataFrame(rows, columns=["pruner", "n_weights", "layer", "source", "target", "active"])
