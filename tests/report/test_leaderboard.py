"""The tables of docs/leaderboard.md."""

import numpy as np
import pandas as pd
import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.report import leaderboard

ACCURACIES = {
    "random-igq": (0.50, 0.70, 0.60, 0.66),
    "magnitude-global": (0.60, 0.81, 0.70, 0.73),
    "random-snip": (0.61, 0.80, 0.71, 0.74),
}


class Study:
    """Stands for `Results`: four seeds at one level that all hit, and their costs."""

    study = "s"

    def __init__(self, reduced=""):
        where = {"architecture": "lenet-300-100", "dataset": "mnist"}
        rows = [
            where
            | {"pruner": pruner, "criterion": "effective", "seed": seed, "target_compression": 31.6228}
            | {"effective_compression": 31.0, "test_accuracy": accuracy, "reduced": reduced}
            for pruner, found in ACCURACIES.items()
            for seed, accuracy in enumerate(found)
        ]
        costs = [
            ("train_dense", None, 270.4),
            ("rank", "snip", 2.25),
            ("subnetworks", "random-igq", 0.7),
            ("subnetworks", "random-snip", 11.0),
        ]
        seeds = [(*row, seed) for row in costs for seed in range(3)]
        self.tables = {
            "subnetworks": pd.DataFrame(rows),
            "costs": pd.DataFrame(seeds, columns=["stage", "pruner", "cpu_seconds", "seed"]).fillna(np.nan),
        }

    def table(self, name):
        return self.tables[name]


def test_pruners_stand_in_order_with_their_accuracy_and_letters():
    assert leaderboard.standing(Study()) == [
        "| | 32 |",
        "| --- | --- |",
        "| Random, SNIP quotas | 71.5 <sup>a</sup> |",
        "| Magnitude, global | 71.0 <sup>a</sup> |",
        "| Random, IGQ quotas | 61.5 <sup>b</sup> |",
    ]


def test_leads_are_paired_by_seed():
    # Differences 11, 10, 11 and 8: mean 10, standard error 0.7071; t(0.975, 3) = 3.1824.
    _, _, first, _, reference = leaderboard.leads(Study())
    assert first == "| Random, SNIP quotas | +10.00 (+7.75 to +12.25) |"
    assert reference == "| Random, IGQ quotas | 0 |"


def test_costs_are_those_of_all_that_a_ranking_waits_for():
    assert leaderboard.ranking_costs(Study())[2:] == [
        "| Random, IGQ quotas |  |  | 0.7 |",
        "| Random, SNIP quotas |  | 2.2 | 11 |",
        "| Magnitude, global | 270 |  |  |",
    ]


def test_the_setting_says_what_is_reduced():
    assert leaderboard.setting(Study()) == ["Full setting: the paper's recipe and data. 4 seeds."]
    (line,) = leaderboard.setting(Study(reduced="short"))
    assert line == "Reduced setting: short (data set mnist). 4 seeds."


def test_places_and_ties():
    assert leaderboard.place(Study(), "magnitude-global", "31.6") == "2"
    assert leaderboard.tied(Study(), "magnitude-global", "31.6") == "1"
    assert leaderboard.tied(Study(), "random-igq", "31.6") == "0"
    with pytest.raises(UserError, match="snip hits no target near"):
        leaderboard.place(Study(), "snip", "31.6")
