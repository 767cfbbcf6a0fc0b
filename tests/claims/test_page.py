import math

import pandas as pd
import pytest

from effective_sparsity.claims.page import measured, number, page
from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.claims.verdicts import judge


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.0491, "factor", "1.049"),
        (2.345, "factor", "2.35"),
        (24567.8, "factor", "24,568"),
        (0.00251, "share", "0.25"),
        (0.9584, "share", "95.8"),
        (-1.234, "points", "-1.23"),
        (0.2, "tau", "+0.20"),
        (math.nan, "tau", "?"),
    ],
)
def test_numbers_are_rounded_to_what_their_unit_needs(value, unit, text):
    assert number(value, unit) == text


def test_a_measurement_has_its_unit_its_interval_and_its_seeds():
    row = pd.Series({"unit": "points", "value": 1.0, "low": -2.0, "high": 4.0, "seeds": 3})
    assert measured(row) == "+1.00 points (-2.00 to +4.00; 3 seeds)"
    assert measured(row.replace({-2.0: math.nan, 3: 1})) == "+1.00 points (1 seed)"
    assert measured(row.replace({3: 0})) == "not measured"


def test_every_claim_is_on_the_page_with_its_criterion_and_measurements(tables):
    claims, measurements = judge(tables, "study")
    text = page(claims, measurements)
    for claim in CLAIMS.values():
        assert claim.statement in text
        assert claim.criterion in text
    for row in measurements.itertuples():
        assert row.quantity in text
    assert "nan" not in text
    assert text.count("(secondary)") == (measurements.role == "secondary").sum()


def test_a_reduced_setting_stands_beside_every_verdict(tables):
    tables["subnetworks"]["reduced"] = "4,000 images"
    text = page(*judge(tables, "study"))
    overview = [line for line in text.splitlines() if line.startswith("| ") and "**" in line]
    assert len(overview) == len(CLAIMS)
    assert all("(reduced setting)" in line for line in overview)
    assert "Reduced setting, LeNet-300-100 on MNIST: 4,000 images." in text


def test_what_is_missing_is_on_the_page(tables):
    tables["costs"] = tables["costs"].iloc[:0]
    assert "Missing: run times of pruning and retraining (costs)." in page(*judge(tables, "study"))


def test_a_page_for_no_data_can_be_written(tables):
    empty = {name: table.iloc[:0] for name, table in tables.items()}
    assert "not enough data" in page(*judge(empty, "study"))


def test_an_undecided_part_says_what_it_would_take(tables):
    rows = tables["subnetworks"]
    for seed, points in enumerate((-0.02, 0.0, 0.05)):
        rows.loc[(rows.pruner == "synflow") & (rows.seed == seed), "test_accuracy"] += points
    assert "undecided; would take" in page(*judge(tables, "study"))
