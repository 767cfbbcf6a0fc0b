"""The estimate of a study's disk, against files as the study writes them."""

import subprocess
import sys

import numpy as np
import pytest
from effective_sparsity.training.files import save_trained

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.rank import rank
from effective_sparsity.pruning.ranking import Priorities
from effective_sparsity.pruning.ranking_file import save_rankings
from effective_sparsity.storage import save_tensors
from effective_sparsity.study.config import read_config
from effective_sparsity.study.disk import Footprint, disk_use, main
from effective_sparsity.study.plan import Plan
from effective_sparsity.training.result import Trained, history_table

NETWORK = NETWORKS["lenet-5"]


def study_of(**settings):
    return read_config(
        {
            "study": "small",
            "architectures": {"lenet-5": {"dataset": "cifar10"}},
            "pruners": ["random-uniform", "synflow"],
            "compressions": [10, 30, 100, 300],
            "seeds": [0],
            **settings,
        }
    )


@pytest.fixture(scope="module")
def network():
    """Initial state, prunable names, and the ranking of random-uniform."""
    state, prunable = initial_state(NETWORK, seed=0)
    inputs = Inputs(NETWORK, state, tuple(prunable), seed=0)
    connectivity = Connectivity(inputs.model(), NETWORK.input_shape)
    return state, prunable, rank(PRUNERS["random-uniform"], inputs, connectivity)


def estimate(study) -> dict:
    (row,) = disk_use(study, {"lenet-5": Footprint.of(NETWORK)}).to_dict("records")
    return row


def bytes_of_trained(study, network, folder) -> int:
    """Of all subnetworks of the study, every pruner taken for random-uniform."""
    state, _, ranking = network
    recipe = Plan(study).recipe("lenet-5")
    history = history_table(np.ones((recipe.steps // recipe.evaluate_every, 4)))
    total = 0
    for keys in Plan(study).subnetworks("lenet-5", study.parts_of("lenet-5")[0].seeds[0]):
        kept = ranking.kept(ranking.threshold(keys["criterion"], keys["target_compression"]))
        trained = {name: value * kept[name] if name in kept else value for name, value in state.items()}
        save_trained(folder / "trained", Trained(trained, history, "ok", recipe.steps), kept)
        total += (folder / "trained").stat().st_size
    return total


def test_rankings_and_states_take_what_was_said(network, tmp_path):
    state, prunable, ranking = network
    study = study_of()
    said = estimate(study)
    save_tensors(tmp_path / "initial", state, prunable=prunable, classes=10)
    assert said["initial"] == said["dense"] == pytest.approx((tmp_path / "initial").stat().st_size, rel=0.02)
    levels = list(study.parts_of("lenet-5")[0].levels)
    priorities = Priorities(ranking.priority, 0, ranking.n_weights)
    save_rankings(tmp_path / "synflow", levels, [priorities] * len(levels))
    assert said["rankings"] == pytest.approx((tmp_path / "synflow").stat().st_size, rel=0.02)


def test_directly_pruned_networks_take_what_was_said(network, tmp_path):
    study = study_of(criteria=["direct"])
    assert estimate(study)["trained"] == pytest.approx(bytes_of_trained(study, network, tmp_path), rel=0.1)


def test_effectively_pruned_networks_take_no_more_than_was_said(network, tmp_path):
    study = study_of(criteria=["effective"])
    assert 0.5 < bytes_of_trained(study, network, tmp_path) / estimate(study)["trained"] <= 1


def test_everything_counts_once_per_seed_and_lenders_once():
    one = estimate(study_of())
    two = estimate(study_of(seeds=[0, 1], pruners=["synflow", "random-uniform", "random-synflow"]))
    assert two["rankings"] == 2 * one["rankings"]
    assert two["trained"] == 2 * one["trained"] * 3 / 2
    untrained = estimate(study_of(train=False))
    assert untrained["trained"] == untrained["dense"] == 0
    borrowed = estimate(study_of(pruners=["random-synflow"]))
    assert borrowed["rankings"] == one["rankings"]


def test_the_paper_s_study_fits_60_gigabytes(root):
    command = [sys.executable, "-m", "effective_sparsity.study.disk", "studies/paper.yaml"]
    printed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in printed.splitlines() if line.startswith("all "))
    assert float(line.split()[-1]) < 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "mine.yaml cannot be read ([Errno 2] No such file or directory"),
        ("study: [", "mine.yaml cannot be read (while parsing"),
        ("study: mine", "architectures: missing"),
    ],
)
def test_a_file_that_is_no_study_is_one_line(content, message, tmp_path, monkeypatch, capsys):
    if content:
        (tmp_path / "mine.yaml").write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["disk", "mine.yaml"])
    assert main() == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
