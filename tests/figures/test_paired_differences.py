import numpy as np
import pandas as pd
import pytest

from effective_sparsity.figures.paired_differences import paired_differences
from effective_sparsity.figures.style import CONTROLS

WHERE = {"architecture": "lenet-5", "dataset": "cifar10", "reduced": "", "criterion": "effective"}


def study(accuracies: dict, level=100.0) -> dict[str, pd.DataFrame]:
    """Subnetworks at one level; accuracies: pruner -> by seed."""
    rows = [
        WHERE
        | {"pruner": pruner, "seed": seed, "target_compression": level, "test_accuracy": accuracy}
        | {"effective_compression": 1.05 * level}
        for pruner, found in accuracies.items()
        for seed, accuracy in enumerate(found)
    ]
    return {"subnetworks": pd.DataFrame(rows)}


def test_seeds_are_paired_and_differences_are_in_points():
    _, data = paired_differences(study({"random-igq": (0.5, 0.7), "snip": (0.6, 0.9)}))
    assert data.seed.dropna().tolist() == [0, 1]
    assert data[data.seed.notna()].difference.tolist() == pytest.approx([10, 20])
    (mean,) = data[data.seed.isna()].itertuples()
    # Standard error of 10 and 20 is 5; t(0.975, 1 degree of freedom) = 12.706205.
    assert (mean.difference, mean.seeds) == (pytest.approx(15), 2)
    assert (mean.low, mean.high) == pytest.approx((15 - 5 * 12.706205, 15 + 5 * 12.706205))


def test_a_seed_without_its_partner_does_not_count():
    _, data = paired_differences(study({"random-igq": (0.5, np.nan, 0.5), "snip": (0.6, 0.9)}))
    assert data.difference.tolist() == pytest.approx([10])


def test_magnitude_pruners_have_a_reference_of_their_own(drawn):
    accuracies = {"random-igq": (0.5,), "snip": (0.6,), "magnitude-igq": (0.8,), "lamp": (0.7,)}
    figure, data = paired_differences(study(accuracies))
    assert data.set_index("pruner").reference.to_dict() == {"lamp": "magnitude-igq", "snip": "random-igq"}
    assert [axes._left_title.get_text() for axes in figure.axes] == [
        "At initialisation, minus Random, IGQ quotas",
        "After training, minus Magnitude, IGQ quotas",
    ]
    assert drawn(figure, "snip") == (pytest.approx([100]), pytest.approx([10]))
    assert drawn(figure, "lamp") == (pytest.approx([100]), pytest.approx([-10]))


def test_a_pruner_that_misses_its_target_is_not_compared():
    tables = study({"random-igq": (0.5,), "random-smart-ratio": (0.7,), "snip": (0.6,)})
    table = tables["subnetworks"]
    table.loc[table.pruner == "random-smart-ratio", "effective_compression"] = 15.0
    _, data = paired_differences(tables)
    assert data.pruner.tolist() == ["snip"]


def test_controls_stand_beside_snip(drawn):
    accuracies = {"random-igq": (0.5,), "snip": (0.6,), "snip-permuted-pixels": (0.7,)}
    figure, _ = paired_differences(study(accuracies))
    gids = [[line.get_gid() for line in axes.lines if line.get_gid() != "seeds"] for axes in figure.axes]
    assert [set(lines) - {None, "_child0"} for lines in gids] == [{"snip"}, {"snip", "snip-permuted-pixels"}]


def test_direct_pruning_is_not_compared():
    tables = study({"random-igq": (0.5,), "snip": (0.6,)})
    tables["subnetworks"]["criterion"] = "direct"
    _, data = paired_differences(tables)
    assert data.empty


def test_forty_seeds_are_forty_dots_and_an_interval_at_each_level(many_seeds):
    rows = many_seeds["subnetworks"]
    # SNIP would be drawn a second time, among controls.
    figure, data = paired_differences({"subnetworks": rows[~rows.pruner.isin(CONTROLS)]})
    snip = data[(data.pruner == "snip") & data.seed.isna()]
    assert snip.seeds.tolist() == [40] * 6
    bars = [
        s[:, 1].tolist() for axes in figure.axes for lines in axes.collections for s in lines.get_segments()
    ]
    assert all(axes.get_title(loc="left") for axes in figure.axes if axes.axison)
    for row in snip.itertuples():
        assert [row.low, row.high] in bars
    dots = sum(
        len(line.get_ydata()) for axes in figure.axes for line in axes.lines if line.get_gid() == "seeds"
    )
    assert dots == data.seed.notna().sum() == 6 * (8 * 40 + 4 * 20)
