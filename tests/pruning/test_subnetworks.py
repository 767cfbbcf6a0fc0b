"""Subnetworks: counts and curves."""

from dataclasses import replace

import numpy as np
import pytest

from effective_sparsity.pruning.ranking import Ranking
from effective_sparsity.pruning.subnetworks import LAYER_COLUMNS, Subnetwork, curve, layer_counts, subnetwork


@pytest.fixture
def ranking() -> Ranking:
    """Two layers of 6 and 4 weights, some of them active only when more are kept than themselves."""
    priority = np.random.default_rng(0).permutation(10).astype(np.int32) + 1
    effective = np.minimum(priority, np.array([9, 9, 3, 3, 9, 9, 8, 8, 2, 2], np.int32))
    return Ranking(
        {"a": priority[:6].reshape(2, 3), "b": priority[6:].reshape(2, 2)},
        {"a": effective[:6].reshape(2, 3), "b": effective[6:].reshape(2, 2)},
        floor=0,
        ceiling=10,
    )


def test_layers_are_counted_one_by_one(ranking):
    pruned = subnetwork(ranking, "direct", 2)
    counts = layer_counts(pruned)
    assert counts.columns.tolist() == LAYER_COLUMNS
    assert counts.layer.tolist() == ["a", "b"]
    assert counts.n_weights.tolist() == [6, 4]
    assert counts.n_kept.sum() == 5
    assert counts.n_active.tolist() == [int(mask.sum()) for mask in pruned.active.values()]


def test_live_units_are_those_that_an_active_weight_reads_or_feeds():
    linear = np.array([[0, 1, 1], [0, 0, 0], [0, 0, 1]], bool)
    kernels = np.zeros((4, 2, 3, 3), bool)
    kernels[1, 0, 2, 2] = kernels[3, 0, 0, 0] = kernels[3, 0, 1, 1] = True
    active = {"fc": linear, "conv": kernels}
    counts = layer_counts(Subnetwork({name: np.ones_like(mask) for name, mask in active.items()}, active))
    assert counts.inactive_share.tolist() == [round(1 - 3 / 9, 6), round(1 - 3 / 72, 6)]
    assert counts.live_inputs.tolist() == [2, 1]
    assert counts.live_outputs.tolist() == [2, 2]


@pytest.mark.parametrize(("over_live", "more"), [(None, []), ({}, ["n_active_live"])])
def test_a_level_out_of_reach_has_no_layers_but_their_columns(over_live, more):
    counts = layer_counts(None, over_live)
    assert counts.columns.tolist() == [*LAYER_COLUMNS, *more]
    assert len(counts) == 0


def test_weights_are_counted_over_live_inputs_too(ranking):
    live = replace(ranking, effective={"a": ranking.effective["a"] * [1, 0, 1], "b": ranking.effective["b"]})
    pruned = subnetwork(ranking, "direct", 2)
    over_live = subnetwork(live, "direct", 2).active
    counts = layer_counts(pruned, over_live)
    assert counts.n_active_live.tolist() == [pruned.active["a"][:, [0, 2]].sum(), pruned.active["b"].sum()]
    table = curve(ranking, over_live=live)
    assert table.drop(columns="effective_compression_live").equals(curve(ranking))
    (row,) = table[table.n_kept == 5].itertuples()
    assert row.effective_compression_live == 10 / counts.n_active_live.sum()


def test_active_weights_are_kept(ranking):
    for compression in (1, 1.3, 2, 5):
        pruned = subnetwork(ranking, "direct", compression)
        assert not any((pruned.active[name] & ~pruned.kept[name]).any() for name in pruned.kept)


def test_the_curve_counts_what_each_threshold_leaves(ranking):
    table = curve(ranking, n_points=50)
    assert table.n_kept.tolist() == list(range(10, 0, -1))
    for row in table.itertuples():
        pruned = subnetwork(ranking, "direct", row.direct_compression)
        active = sum(int(mask.sum()) for mask in pruned.active.values())
        assert row.n_active == active
        assert row.effective_compression == (10 / active if active else np.inf)
