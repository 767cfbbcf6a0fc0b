"""VGG and ResNet-18, an eighth as wide, from ranking to the evaluation of stored subnetworks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks import resnet_18, vgg
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.subnetworks import subnetwork
from effective_sparsity.training.engines import train
from effective_sparsity.training.evaluation import evaluator
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.result import load_trained, save_trained
from effective_sparsity.training.run import Run

PICKED = ["random-igq", "lamp", "snip", "synflow"]
COMPRESSION = 30.0


@pytest.fixture(params=["vgg-16", "vgg-19", "resnet-18"])
def network(request, monkeypatch):
    torch.set_num_threads(1)
    for module in (vgg, resnet_18):
        monkeypatch.setattr(module, "_WIDTHS", tuple(width // 8 for width in module._WIDTHS))
    full = NETWORKS[request.param]
    recipe = replace(full.recipe.scaled_to(2), batch_size=8, evaluate_every=2)
    return replace(full.with_classes(4), recipe=recipe)


@pytest.fixture
def data(network):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, *network.input_shape), np.uint8)
    labels = np.arange(40) % 4
    facts = (0.5,) * 3, (0.25,) * 3
    return Dataset("noise", "", "", 4, *facts, images[:32], labels[:32], images[32:], labels[32:])


def test_the_whole_chain(network, data, tmp_path):
    state, prunable = initial_state(network, 0)
    run = Run(
        dataset=data,
        recipe=network.recipe,
        seed=0,
        execution=Execution(device="cpu", precision="bfloat16"),
        work=tmp_path / "work",
    )
    dense = train("masked", network, state, {"": {}}, run)[""]
    inputs = Inputs(network, state, tuple(prunable), 0, dataset=data, compression=COMPRESSION)
    inputs = replace(inputs, trained={name: dense.state[name] for name in prunable})
    connectivity = Connectivity(network.build(), network.input_shape)
    masks = {}
    for pruner in PICKED:
        ranking = PRUNERS[pruner].priorities(inputs).ranking(connectivity)
        for criterion in ("direct", "effective"):
            chosen = subnetwork(ranking, criterion, COMPRESSION)
            masks[pruner, criterion] = chosen.kept
            n_kept, n_active = (
                sum(int(mask.sum()) for mask in left.values()) for left in (chosen.kept, chosen.active)
            )
            if criterion == "direct":
                assert n_kept == pytest.approx(inputs.n_weights / COMPRESSION, abs=1)
            else:
                assert 0 < n_active <= n_kept
    evaluate = evaluator(network, data, "cpu", 1)
    for key, trained in train("masked", network, state, masks, run).items():
        assert (trained.status, trained.steps) == ("ok", 2)
        save_trained(tmp_path / "trained.safetensors", trained, masks[key])
        read = evaluate(load_trained(tmp_path / "trained.safetensors").state)
        np.testing.assert_allclose(read, (trained.test_loss, trained.test_accuracy), rtol=1e-4)
