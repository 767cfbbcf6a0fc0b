from itertools import pairwise

import numpy as np
import pytest

from effective_sparsity.pruning.toy_network import PRUNERS_SHOWN, WIDTHS, toy_subnetworks

N = sum(n * m for n, m in pairwise(WIDTHS))


@pytest.fixture(scope="module")
def table():
    return toy_subnetworks(compression=6, seed=0)


def test_every_pruner_keeps_the_same_number_of_weights(table):
    assert table.groupby("pruner").size().to_dict() == dict.fromkeys(PRUNERS_SHOWN, round(N / 6))
    assert set(table.n_weights) == {N}


@pytest.mark.parametrize("pruner", PRUNERS_SHOWN)
def test_active_weights_are_those_on_a_path_from_input_to_output(table, pruner):
    rows = table[table.pruner == pruner]
    from_input = {(0, unit) for unit in range(WIDTHS[0])}
    for row in rows.sort_values("layer").itertuples():
        if (row.layer, row.source) in from_input:
            from_input.add((row.layer + 1, row.target))
    to_output = {(len(WIDTHS) - 1, unit) for unit in range(WIDTHS[-1])}
    for row in rows.sort_values("layer", ascending=False).itertuples():
        if (row.layer + 1, row.target) in to_output:
            to_output.add((row.layer, row.source))
    expected = [
        (row.layer, row.source) in from_input and (row.layer + 1, row.target) in to_output
        for row in rows.itertuples()
    ]
    assert np.array_equal(rows.active, expected)


def test_synflow_keeps_nothing_inactive_and_uniform_pruning_does(table):
    active = table.groupby("pruner").active.mean()
    assert active["synflow"] == 1
    assert active["random-uniform"] < 1
