"""Rankings of a study: stored and read back, or made again from what they follow from."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.errors import UserError
from effective_sparsity.pruning import saliencies
from effective_sparsity.pruning.pruners import PRUNERS, SINCE_2021
from effective_sparsity.pruning.rank import rank
from effective_sparsity.pruning.ranking import Priorities
from effective_sparsity.pruning.ranking_file import ONE_SHOT, RankingFile, save_rankings
from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.storage import save_tensors
from effective_sparsity.training.result import Trained, by_column, save_trained

LEVELS = {"10": 10.0, "200": 200.0}


@pytest.fixture
def priorities() -> Priorities:
    order = np.random.default_rng(0).permutation(10).astype(np.int32) + 1
    return Priorities({"a": order[:6].reshape(2, 3), "b": order[6:].reshape(2, 2)}, 1, 9)


def test_a_one_shot_ranking_serves_every_level(priorities, tmp_path):
    save_rankings(tmp_path / "file", [ONE_SHOT], [priorities])
    back = RankingFile(tmp_path / "file")["10"]
    assert (back.floor, back.ceiling) == (1, 9)
    assert all(np.array_equal(back.layers[name], priorities.layers[name]) for name in "ab")


def test_an_iterative_ranking_serves_its_own_level(priorities, tmp_path):
    other = replace(priorities, layers={name: layer[::-1] for name, layer in priorities.layers.items()})
    save_rankings(tmp_path / "file", ["10", "20"], iter([priorities, other]))
    file = RankingFile(tmp_path / "file")
    assert file.levels == ["10", "20"]
    assert np.array_equal(file["20"].layers["a"], priorities.layers["a"][::-1])
    with pytest.raises(UserError, match="no ranking of level 30"):
        file["30"]


@pytest.fixture(scope="module")
def study(inputs, tmp_path_factory):
    """Files of a study of LeNet-300-100, and the connectivity of the network."""
    folder = tmp_path_factory.mktemp("study")
    connectivity = Connectivity(inputs.model(), inputs.network.input_shape)
    connectivity.save(folder / "connectivity")
    save_tensors(folder / "initial", inputs.initial, prunable=inputs.prunable, classes=10)
    state = {**inputs.initial, **inputs.trained}
    save_trained(folder / "dense", Trained(state, by_column(np.empty((0, 4))), "ok", 1), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saliencies, "SYNFLOW_STEPS", 3)
        lent = [
            PRUNERS["synflow"].priorities(replace(inputs, compression=compression))
            for compression in LEVELS.values()
        ]
    save_rankings(folder / "synflow", list(LEVELS), lent)
    return folder, connectivity, dict(zip(LEVELS, lent, strict=True))


def files_of(name: str, folder) -> dict:
    pruner = PRUNERS[name]
    files = {"connectivity": folder / "connectivity", "initial": folder / "initial"}
    files |= {"dense": folder / "dense"} if pruner.needs_trained else {}
    files |= {name: folder / name} if pruner.costly else {}
    return files | ({pruner.borrows: folder / pruner.borrows} if pruner.borrows else {})


@pytest.mark.parametrize("name", ["random-igq", "magnitude-global", "lamp", "random-synflow", "synflow"])
def test_rankings_are_those_of_the_pruner(name, study, inputs):
    folder, connectivity, lent = study
    rankings = Rankings(name, "lenet-300-100", inputs.seed, files_of(name, folder))
    iterative = PRUNERS[name].iterative
    assert rankings.distinct(LEVELS) == (list(LEVELS) if iterative else [ONE_SHOT])
    assert (rankings["10"] is rankings["200"]) == (not iterative)
    for level in LEVELS:
        if PRUNERS[name].costly:
            expected = lent[level].ranking(connectivity)
        else:
            expected = rank(PRUNERS[name], replace(inputs, borrowed=lent[level]), connectivity)
        found = rankings[level]
        assert (found.floor, found.ceiling) == (expected.floor, expected.ceiling)
        assert np.array_equal(flatten(found.priority), flatten(expected.priority))
        assert np.array_equal(flatten(found.effective), flatten(expected.effective))


@pytest.mark.parametrize("name", ["random-igq", "synflow"])
def test_over_live_inputs_weights_are_active_that_a_path_from_one_reaches(name, study, inputs):
    folder, connectivity, _ = study
    rankings = Rankings(name, "lenet-300-100", inputs.seed, files_of(name, folder))
    live = np.random.default_rng(0).random((1, 28, 28)) < 0.5
    found = rankings.over_live_inputs("10", live)
    assert np.array_equal(flatten(found.priority), flatten(rankings["10"].priority))
    for compression in (10, 200, 1000):
        threshold = rankings["10"].threshold("direct", compression)
        kept = rankings["10"].kept(threshold)
        # No weight of a dead pixel, whatever else is the same as with paths from everywhere.
        kept["fc1.weight"] &= live.reshape(-1)
        expected = connectivity.effective_masks(kept)
        assert all(np.array_equal(mask, expected[name]) for name, mask in found.active(threshold).items())


def test_costly_are_the_pruners_that_take_gradients_or_the_data_set():
    costly = [name for name, pruner in PRUNERS.items() if pruner.costly]
    assert [name for name in costly if name not in SINCE_2021] == [
        "snip",
        "snip-iterative",
        "synflow",
        "grasp",
        "random-igq-varying-pixels",
    ]
    assert set(SINCE_2021) - set(costly) == {"phew"}


@pytest.mark.parametrize("name", ["magnitude-igq", "random-synflow", "synflow"])
def test_nothing_but_gradients_imports_pytorch_and_nothing_but_tables_pandas(name, study):
    files = {key: str(path) for key, path in files_of(name, study[0]).items()}
    program = f"""
import sys
from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.pruning.subnetworks import layer_counts, subnetwork
rankings = Rankings({name!r}, "lenet-300-100", 0, {files!r})
rankings["10"]
assert "pandas" not in sys.modules  # of jobs that train, too
assert len(layer_counts(subnetwork(rankings["10"], "effective", 10.0))) == 3
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
