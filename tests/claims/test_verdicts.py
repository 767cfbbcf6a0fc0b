"""Each claim against tables for which its verdict is known."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from effective_sparsity.claims import TABLES
from effective_sparsity.claims.page import page
from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.claims.verdicts import CLAIM_COLUMNS, judge

EVERY_CLAIM = pytest.mark.parametrize("number", CLAIMS)


def row_of(tables, number: int) -> pd.Series:
    claims, _ = judge(tables, "study")
    (row,) = claims[claims.claim == number].itertuples()
    return row


def verdict(tables, number: int) -> str:
    return row_of(tables, number).verdict


def where(table: pd.DataFrame, query: str) -> pd.Series:
    return table.index.isin(table.query(query).index)


@EVERY_CLAIM
def test_every_claim_holds_in_tables_that_support_it(number, tables):
    row = row_of(tables, number)
    assert (row.verdict, row.missing, row.seeds) == ("confirmed", "", 3)
    assert row.low <= row.value <= row.high


def disconnect(tables, query: str) -> None:
    rows = tables["subnetworks"]
    rows.loc[where(rows, query), ["n_active", "effective_compression"]] = [0, np.inf]


def nothing_is_lost(tables):
    tables["curves"]["effective_compression"] = tables["curves"].direct_compression


def loses_fifty(tables):
    tables["curves"]["effective_compression"] = 50 * tables["curves"].direct_compression


def only_disconnected(tables):
    tables["curves"]["effective_compression"] = np.inf


def synflow_is_disconnected(tables):
    disconnect(tables, "pruner == 'synflow' and criterion == 'direct' and target_compression == 100")


def synflow_is_disconnected_once(tables):
    disconnect(
        tables, "pruner == 'synflow' and criterion == 'direct' and seed == 1 and target_compression == 100"
    )


def snip_loses_much_at_ten(tables):
    rows = tables["subnetworks"]
    here = where(rows, "pruner == 'snip' and criterion == 'direct' and target_compression == 10")
    rows.loc[here, "n_active"] = rows.loc[here, "n_kept"] // 3


def snip_loses_some_at_ten(tables):
    rows = tables["subnetworks"]
    here = where(rows, "pruner == 'snip' and criterion == 'direct' and target_compression == 10")
    rows.loc[here, "n_active"] = rows.loc[here, "n_kept"] * 2 // 3


def nothing_grows(tables):
    tables["subnetworks"]["n_active"] = tables["subnetworks"].n_kept


def equal_frames(tables):
    rows = tables["subnetworks"]
    rows["test_accuracy"] = rows.groupby(["pruner", "seed", "target_compression"]).test_accuracy.transform(
        "last"
    )


def reversed_for_one_seed(tables):
    rows = tables["subnetworks"]
    here = where(rows, "seed == 1 and criterion == 'direct'")
    rows.loc[here, "test_accuracy"] = rows.groupby(
        ["pruner", "seed", "target_compression"]
    ).test_accuracy.transform("last")[here]


def every_target_is_missed(tables):
    tables["subnetworks"]["effective_compression"] *= 1.5


def a_tenth_is_missed(tables):
    rows = tables["subnetworks"]
    rows.loc[where(rows, "pruner == 'snip'"), "effective_compression"] *= 1.5


def pruning_takes_as_long_as_training(tables):
    costs = tables["costs"]
    costs.loc[costs.stage == "subnetworks", "seconds"] = 200


def shortened_training_that_takes_as_long_as_pruning(tables):
    pruning_takes_as_long_as_training(tables)
    tables["subnetworks"]["reduced"] = "20 of 96,000 steps"


def add_points(tables, pruner: str, points: list[float]):
    rows = tables["subnetworks"]
    for seed, value in enumerate(points):
        rows.loc[(rows.pruner == pruner) & (rows.seed == seed), "test_accuracy"] += value / 100


def synflow_is_much_better(tables):
    add_points(tables, "synflow", [8.0, 8.5, 9.0])


def synflow_varies(tables):
    add_points(tables, "synflow", [-9.0, 0.0, 9.0])


def erk_is_much_better(tables):
    add_points(tables, "random-erk", [8.0, 8.1, 8.2])


def erk_is_equal(tables):
    add_points(tables, "random-erk", [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("number", "change", "expected"),
    [
        (1, nothing_is_lost, "refuted"),
        (1, loses_fifty, "not confirmed"),
        (1, only_disconnected, "not enough data"),
        (2, synflow_is_disconnected, "refuted"),
        (2, synflow_is_disconnected_once, "not confirmed"),
        (3, snip_loses_much_at_ten, "refuted"),
        (3, snip_loses_some_at_ten, "not confirmed"),
        (3, nothing_grows, "refuted"),
        (4, equal_frames, "refuted"),
        (4, reversed_for_one_seed, "not confirmed"),
        (5, every_target_is_missed, "refuted"),
        (5, a_tenth_is_missed, "not confirmed"),
        (5, pruning_takes_as_long_as_training, "refuted"),
        (5, shortened_training_that_takes_as_long_as_pruning, "not enough data"),
        (6, synflow_is_much_better, "refuted"),
        (6, synflow_varies, "not confirmed"),
        (7, erk_is_much_better, "refuted"),
        (7, erk_is_equal, "not confirmed"),
    ],
)
def test_verdicts_on_tables_that_speak_against_a_claim(number, change, expected, tables):
    change(tables)
    assert verdict(tables, number) == expected


def without(pruner: str):
    def remove(tables):
        return {name: t[t.pruner != pruner] if "pruner" in t else t for name, t in tables.items()}

    return remove


def two_seeds(tables):
    return {name: t[t.seed < 2] if "seed" in t else t for name, t in tables.items()}


def no_thick_level(tables):
    rows = tables["subnetworks"]
    return tables | {"subnetworks": rows[rows.target_compression > 15]}


def two_levels(tables):
    rows = tables["subnetworks"]
    return tables | {"subnetworks": rows[rows.target_compression.isin([10, 100])]}


@pytest.mark.parametrize(
    ("number", "thin_out", "missing"),
    [
        *((number, two_seeds, "3 seeds (there are 2)") for number in CLAIMS),
        (1, without("random-uniform"), "pruner random-uniform"),
        (2, without("synflow"), "pruner synflow"),
        (3, without("snip"), "pruner snip"),
        (3, no_thick_level, "a compression near 10; compressions near 10 and 1,000"),
        (4, two_levels, "3 compressions of 100 or more with 5 pruners"),
        (5, without("random-uniform"), "run times of random-uniform (costs)"),
        (6, without("snip-iterative"), "pruner snip-iterative"),
        (7, without("random-snip"), "pruner random-snip"),
        (
            7,
            two_levels,
            "3 compressions at which random-igq and random-uniform can be compared (there are 2)",
        ),
    ],
)
def test_what_is_missing_is_named(number, thin_out, missing, tables):
    row = row_of(thin_out(tables), number)
    assert row.verdict == "not enough data"
    assert missing in row.missing


def test_levels_at_which_nobody_learns_do_not_dilute_a_difference(tables):
    add_points(tables, "synflow", [4.0, 4.0, 4.0])
    _, before = judge(tables, "study")
    rows = tables["subnetworks"]
    at_chance = rows[rows.target_compression == 1000].assign(
        target_compression=1e5, effective_compression=1e5, test_accuracy=0.1
    )
    tables["subnetworks"] = pd.concat([rows, at_chance], ignore_index=True)
    _, after = judge(tables, "study")
    pd.testing.assert_series_equal(before[before.claim == 6].value, after[after.claim == 6].value)


def test_levels_that_effective_pruning_misses_are_not_compared(tables):
    rows = tables["subnetworks"]
    here = where(rows, "pruner == 'synflow' and criterion == 'effective' and target_compression == 1000")
    rows.loc[here, "effective_compression"] = 600.0
    rows.loc[here, "test_accuracy"] = 0.98
    _, measurements = judge(tables, "study")
    (part,) = measurements[measurements.quantity.str.contains("minus that of synflow")].itertuples()
    assert part.quantity.endswith("mean over 6 compressions")


def test_pruners_beyond_the_paper_are_compared_where_the_study_has_them(tables):
    rows = tables["subnetworks"]
    grasp = rows[rows.pruner == "snip"].assign(pruner="grasp")
    tables["subnetworks"] = pd.concat([rows, grasp], ignore_index=True)
    _, measurements = judge(tables, "study")
    assert measurements.quantity.str.contains("minus that of grasp").sum() == 1


def test_a_verdict_says_how_the_setting_is_reduced(tables):
    tables["subnetworks"]["reduced"] = "4,000 images"
    claims, measurements = judge(tables, "study")
    assert set(claims.reduced) == set(measurements.reduced) == {"4,000 images"}


def test_networks_are_judged_by_themselves(tables):
    both = {
        name: pd.concat([t, t.assign(architecture="vgg-16", dataset="cifar10")], ignore_index=True)
        for name, t in tables.items()
    }
    rows = both["subnetworks"]
    bad = (rows.architecture == "vgg-16") & (rows.pruner == "synflow")
    rows.loc[bad, ["n_active", "effective_compression"]] = [0, np.inf]
    claims, _ = judge(both, "study")
    assert list(claims[claims.claim == 1].architecture) == ["lenet-300-100"]
    of_two = claims[claims.claim == 2].set_index("architecture").verdict
    assert (of_two["lenet-300-100"], of_two["vgg-16"]) == ("confirmed", "refuted")


def test_a_claim_about_a_network_that_the_study_has_not_lacks_data(tables):
    others = {name: table.assign(architecture="vgg-16") for name, table in tables.items()}
    row = row_of(others, 1)
    assert (row.architecture, row.dataset, row.verdict) == ("lenet-300-100", "", "not enough data")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 0.002, 0.02, 0.3, 0.9]), data=st.data())
def test_every_subset_of_the_rows_gets_verdicts(seed, share, data, tables):
    random = np.random.default_rng(seed)
    subset = {name: table[random.random(len(table)) < share] for name, table in tables.items()}
    for name in data.draw(st.sets(st.sampled_from(TABLES))):
        subset[name] = tables[name].iloc[:0]
    emptied = subset["subnetworks"].copy()
    counts = ["n_kept", "n_active", "direct_compression", "effective_compression", "test_accuracy"]
    unreachable = random.random(len(emptied)) < 0.1
    emptied[counts] = emptied[counts].astype(float)
    emptied.loc[unreachable, counts] = np.nan
    subset["subnetworks"] = emptied
    claims, measurements = judge(subset, "study")
    assert list(claims.columns) == CLAIM_COLUMNS
    assert set(claims.claim) == set(measurements.claim) == set(CLAIMS)


def test_the_tables_are_left_as_they_are(tables, _supporting):
    judge(tables, "study")
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, _supporting[name])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_tables_may_come_from_files(share, tables, tmp_path):
    read = {}
    for name, table in tables.items():
        table.head(round(share * len(table))).to_csv(tmp_path / f"{name}.csv", index=False)
        read[name] = pd.read_csv(tmp_path / f"{name}.csv")
    claims, measurements = judge(read, "study")
    assert set(claims.verdict) == ({"confirmed"} if share else {"not enough data"})
    for name, table in {"claims": claims, "measurements": measurements}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    again = [pd.read_csv(tmp_path / f"{name}.csv") for name in ("claims", "measurements")]
    assert page(*again) == page(claims, measurements)


def test_claims_do_without_torch():
    code = "import sys, effective_sparsity.claims.page as _, effective_sparsity.claims.verdicts as _;"
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
