"""Pruners of a convolutional network, from scores to subnetworks."""

import copy
from collections import OrderedDict
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.connectivity import Connectivity, effective_masks
from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.networks.registry import Network
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning import px, saliencies
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.subnetworks import subnetwork

N = 61_770


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def ranking_of(convolutional_inputs, monkeypatch_module):
    """The ranking of a pruner by its name, made once; those that take long in fewer steps."""
    inputs = convolutional_inputs
    monkeypatch_module.setattr(saliencies, "SNIP_STEPS", 10)
    monkeypatch_module.setattr(px, "STEPS", 10)
    connectivity = Connectivity(inputs.model(), inputs.network.input_shape)

    @cache
    def priorities(name, compression):
        pruner = PRUNERS[name]
        borrowed = priorities(pruner.borrows, compression) if pruner.borrows else None
        return pruner.priorities(replace(inputs, borrowed=borrowed, compression=compression))

    return cache(lambda name, compression=100.0: priorities(name, compression).ranking(connectivity))


@pytest.mark.parametrize(
    "name", [name for name, pruner in PRUNERS.items() if not pruner.fully_connected_only]
)
def test_every_pruner_gives_exact_subnetworks(name, ranking_of, convolutional_inputs):
    ranking = ranking_of(name)
    reached = subnetwork(ranking, "direct", 3.2)
    assert flatten(reached.kept).sum() == n_at_compression(N, 3.2)
    assert flatten(subnetwork(ranking, "effective", 3.2).active).sum() >= n_at_compression(N, 3.2)
    walked = effective_masks(convolutional_inputs.model(), reached.kept, (3, 32, 32))
    assert all(np.array_equal(walked[name], active) for name, active in reached.active.items())
    # Smart-ratio keeps 30 % of the linear layers, which are most of LeNet-5.
    assert (subnetwork(ranking, "direct", 100) is None) == (name == "random-smart-ratio")


@pytest.mark.parametrize("compression", [3.0, 30.0, 300.0, 3000.0, 10_000.0])
def test_synflow_loses_hardly_a_weight_until_the_network_is_a_single_path(compression, ranking_of):
    """The paper's claim 2. At compression 10,000, 6 weights are left, and a path has 5."""
    ranking = ranking_of("synflow", compression)
    n_kept = n_at_compression(N, compression)
    assert n_kept - ranking.n_active(N - n_kept + 1) <= 2


@pytest.mark.parametrize(("scale", "flow_in_float32"), [(1, np.inf), (1 / 16, 0)])
def test_synflow_ranks_networks_whose_flows_leave_the_range_of_float32(scale, flow_in_float32, monkeypatch):
    layers = OrderedDict((f"layer{i}", nn.Linear(10, 10, bias=False)) for i in range(120))
    monkeypatch.setattr(Network, "build", lambda self: copy.deepcopy(nn.Sequential(layers)))
    network = Network(builder="", input_shape=(10,), classes=10, recipe=None, snip_batch=1)
    initial, prunable = initial_state(network, seed=0)
    initial = {name: scale * np.abs(weight) for name, weight in initial.items()}
    inputs = Inputs(network, initial, tuple(prunable), seed=0, compression=60.0)
    assert inputs.model()(torch.ones(1, 10)).sum() == flow_in_float32

    n_kept = n_at_compression(12_000, 60)
    kept = {name: priority > 12_000 - n_kept for name, priority in saliencies.synflow(inputs).items()}
    assert n_kept - flatten(effective_masks(inputs.model(), kept, (10,))).sum() <= 2
