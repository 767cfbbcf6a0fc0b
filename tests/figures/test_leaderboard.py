import numpy as np
import pandas as pd
import pytest

from effective_sparsity.figures.leaderboard import leaderboard, standings

WHERE = {"architecture": "lenet-300-100", "dataset": "mnist", "reduced": "", "criterion": "effective"}


def subnetworks(accuracies: dict, levels=(100.0,)) -> pd.DataFrame:
    """Rows that hit their targets; accuracies: pruner -> by seed, equal at all levels."""
    rows = [
        WHERE
        | {"pruner": pruner, "seed": seed, "target_compression": level, "test_accuracy": accuracy}
        | {"effective_compression": 0.95 * level}
        for pruner, found in accuracies.items()
        for seed, accuracy in enumerate(found)
        for level in levels
    ]
    return pd.DataFrame(rows)


FOUR = {
    "random-igq": (0.50, 0.70, 0.60, 0.65),
    "snip": (0.60, 0.81, 0.70, 0.74),
    "grasp": (0.61, 0.80, 0.71, 0.74),
}


def means(table: pd.DataFrame) -> pd.DataFrame:
    return standings(table).query("seed.isna()").set_index("pruner")


def test_accuracies_and_differences_of_each_seed_and_their_means():
    table = standings(subnetworks({"random-igq": (0.5, 0.7), "snip": (0.6, 0.9)}))
    snip = table[table.pruner == "snip"].set_index("seed")
    assert snip.difference[[0, 1]].tolist() == pytest.approx([10, 20])
    mean = snip[snip.index.isna()].iloc[0]
    assert (mean.accuracy, mean.difference, mean.seeds) == (pytest.approx(75), pytest.approx(15), 2)
    # Standard error of 10 and 20 is 5; t(0.975, 1 degree of freedom) = 12.706205.
    assert (mean.low, mean.high) == pytest.approx((15 - 5 * 12.706205, 15 + 5 * 12.706205))


def test_pruners_that_cannot_be_told_apart_share_a_letter():
    found = means(subnetworks(FOUR))
    assert found.group.to_dict() == {"grasp": "a", "snip": "a", "random-igq": "b"}


def test_there_are_no_letters_without_tests():
    assert set(means(subnetworks({name: seeds[:2] for name, seeds in FOUR.items()})).group) == {""}
    figure, _ = leaderboard({"subnetworks": subnetworks({name: seeds[:2] for name, seeds in FOUR.items()})})
    assert "letter" not in figure._supxlabel.get_text()


def test_a_subnetwork_that_misses_its_target_is_left_out_and_comes_last():
    table = subnetworks(FOUR | {"synflow": (0.99, 0.99, 0.99, 0.99)}, levels=(10.0, 100.0))
    missed = (table.pruner == "synflow") & (table.target_compression == 100)
    table.loc[missed, "effective_compression"] = 50.0
    found = standings(table)
    assert (found.pruner == "synflow").sum() == 5  # four seeds and their mean, at 10
    # Ranks 1 and, behind the others, 4; GraSP has 2 and 1.
    assert list(dict.fromkeys(found.pruner)) == ["grasp", "snip", "synflow", "random-igq"]


def test_untrained_and_directly_pruned_networks_are_not_compared():
    table = subnetworks(FOUR)
    assert standings(table.assign(criterion="direct")).empty
    assert standings(table.assign(test_accuracy=np.nan)).empty


def test_a_network_without_the_reference_is_left_out():
    table = subnetworks({"snip": (0.5, 0.6)})
    assert standings(table).empty
    both = pd.concat([table, subnetworks(FOUR).assign(architecture="lenet-5")])
    assert set(standings(both).architecture) == {"lenet-5"}


def test_of_many_levels_two_in_a_decade_are_shown():
    levels = tuple(10 ** (1 + n / 5) for n in range(16))
    found = standings(subnetworks(FOUR, levels))
    shown = sorted(found.target_compression.unique())
    assert shown == pytest.approx([10, 10**1.6, 100, 10**2.6, 1000, 10**3.6])


def test_each_level_is_a_panel_with_every_seed_and_the_letters():
    figure, _ = leaderboard({"subnetworks": subnetworks(FOUR, levels=(10.0, 1000.0))})
    assert [axes._left_title.get_text() for axes in figure.axes] == ["At 10", "At 1,000"]
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["GraSP", "SNIP", "Random, IGQ quotas"]
    for axes in figure.axes:
        dots = [line for line in axes.lines if line.get_gid() == "seeds"]
        assert [len(line.get_xdata()) for line in dots] == [4, 4, 4]
        (snip,) = (line for line in axes.lines if line.get_gid() == "snip")
        assert (snip.get_xdata()[0], snip.get_ydata()[0]) == (pytest.approx(10), 1)
        assert [text.get_text() for text in axes.texts] == ["a", "a", "b"]
    assert "share a letter" in figure._supxlabel.get_text()
