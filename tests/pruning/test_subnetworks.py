"""Subnetworks: counts, curves, and files of bits."""

import numpy as np
import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.pruning.ranking import Ranking
from effective_sparsity.pruning.ranking_file import ONE_SHOT, RankingFile, save_rankings
from effective_sparsity.pruning.subnetworks import (
    SubnetworkFile,
    SubnetworkWriter,
    curve,
    layer_counts,
    subnetwork,
)


@pytest.fixture
def ranking() -> Ranking:
    """Two layers of 6 and 4 weights, some of them active only when more are kept than themselves."""
    priority = np.random.default_rng(0).permutation(10).astype(np.int32) + 1
    effective = np.minimum(priority, np.array([9, 9, 3, 3, 9, 9, 8, 8, 2, 2], np.int32))
    return Ranking(
        {"a": priority[:6].reshape(2, 3), "b": priority[6:].reshape(2, 2)},
        {"a": effective[:6].reshape(2, 3), "b": effective[6:].reshape(2, 2)},
    )


def test_layers_are_counted_one_by_one(ranking):
    pruned = subnetwork(ranking, "direct", 2)
    counts = layer_counts(pruned)
    assert counts.columns.tolist() == ["layer", "n_weights", "n_kept", "n_active"]
    assert counts.layer.tolist() == ["a", "b"]
    assert counts.n_weights.tolist() == [6, 4]
    assert counts.n_kept.sum() == 5
    assert counts.n_active.tolist() == [int(mask.sum()) for mask in pruned.active.values()]


def test_a_level_out_of_reach_has_no_layers_but_their_columns():
    counts = layer_counts(None)
    assert counts.columns.tolist() == ["layer", "n_weights", "n_kept", "n_active"]
    assert len(counts) == 0


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


def test_subnetworks_survive_their_file(ranking, tmp_path):
    writer = SubnetworkWriter()
    pruned = subnetwork(ranking, "effective", 3)
    writer.add("effective/3", pruned)
    writer.add("effective/9", None)
    writer.save(tmp_path / "file")
    file = SubnetworkFile(tmp_path / "file")
    back = file["effective/3"]
    for name in ("a", "b"):
        assert np.array_equal(back.kept[name], pruned.kept[name])
        assert np.array_equal(back.active[name], pruned.active[name])
    assert file["effective/9"] is None
    with pytest.raises(UserError, match="no subnetwork direct/3"):
        file["direct/3"]


def test_a_subnetwork_without_a_weight_is_not_one_out_of_reach(ranking, tmp_path):
    writer = SubnetworkWriter()
    writer.add("direct/100", subnetwork(ranking, "direct", 100))
    writer.save(tmp_path / "file")
    assert not any(mask.any() for mask in SubnetworkFile(tmp_path / "file")["direct/100"].kept.values())


def test_a_one_shot_ranking_serves_every_level(ranking, tmp_path):
    save_rankings(tmp_path / "file", [ONE_SHOT], [Ranking(ranking.priority, ranking.effective, 1, 9)])
    file = RankingFile(tmp_path / "file")
    back = file["10"]
    assert file["100"] is back
    assert (back.floor, back.ceiling) == (1, 9)
    assert all(np.array_equal(back.priority[name], ranking.priority[name]) for name in "ab")
    assert all(np.array_equal(back.effective[name], ranking.effective[name]) for name in "ab")


def test_an_iterative_ranking_serves_its_own_level(ranking, tmp_path):
    save_rankings(tmp_path / "file", ["10", "20"], iter([ranking, ranking]))
    file = RankingFile(tmp_path / "file")
    assert file.levels == ["10", "20"]
    with pytest.raises(UserError, match="no ranking of level 30"):
        file["30"]
