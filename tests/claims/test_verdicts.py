"""Each claim against tables for which its verdict is known."""

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from effective_sparsity.claims import TABLES
from effective_sparsity.claims.frames import kendall_taus
from effective_sparsity.claims.page import page
from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.claims.selection import PRIMARY, SECONDARY, within
from effective_sparsity.claims.verdicts import CLAIM_COLUMNS, judge

N = 266_200
SEEDS = (0, 1, 2)
RANDOM = ("random-uniform", "random-erk", "random-igq", "random-snip", "random-synflow")
MAGNITUDE = ("magnitude-global", "lamp", "magnitude-uniform", "magnitude-erk", "magnitude-igq")
SALIENCIES = ("snip", "snip-iterative", "synflow")
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
    assert (row.verdict, row.missing) == ("confirmed", "")
    assert row.confirmed > 0
    assert row.refuted == 0 or CLAIMS[number].any_suffices


def part_of(tables, number: int, label: str):
    _, measurements = judge(tables, "study")
    (part,) = measurements[(measurements.claim == number) & (measurements.label == label)].itertuples()
    return part


def change(tables, query: str, **columns) -> None:
    """Set columns of the subnetworks that a query selects; a function is given their rows."""
    rows = tables["subnetworks"]
    here = where(rows, query)
    for column, value in columns.items():
        rows[column] = rows[column].astype(float)
        rows.loc[here, column] = value(rows[here]) if callable(value) else value


def disconnect(tables, query: str) -> None:
    change(tables, query, n_active=0, effective_compression=np.inf)


def nothing_is_lost(tables):
    change(tables, "criterion == 'direct'", n_active=lambda rows: rows.n_kept)


def fifty_times_at_every_level(tables):
    change(tables, "criterion == 'direct'", n_active=lambda rows: rows.n_kept / 50)


def at_one_level_only(tables):
    nothing_is_lost(tables)
    change(tables, "criterion == 'direct' and target_compression == 398.107", n_active=2)


def one_seed_loses_all(tables):
    nothing_is_lost(tables)
    disconnect(tables, "criterion == 'direct' and seed == 1")


def synflow_loses_a_tenth(tables):
    change(tables, "pruner == 'synflow' and criterion == 'direct'", n_active=lambda rows: rows.n_kept * 0.9)


def synflow_is_disconnected_once(tables):
    disconnect(tables, "pruner == 'synflow' and criterion == 'direct' and seed == 1")


def synflow_strands_one_of_seven(tables):
    """Where fewer than a hundred weights are kept a single one counts much, and claim 2 does not look."""
    rows = tables["subnetworks"]
    thin = rows[(rows.pruner == "synflow") & (rows.target_compression == 1000)]
    thin = thin.assign(target_compression=4e4, n_kept=7, n_active=6, effective_compression=N / 6)
    tables["subnetworks"] = pd.concat([rows, thin], ignore_index=True)


def snip_loses_much_at_ten(tables):
    change(
        tables,
        "pruner == 'snip' and criterion == 'direct' and target_compression == 10",
        n_active=lambda rows: rows.n_kept / 3,
    )


def snip_varies_at_a_hundred(tables):
    query = "pruner == 'snip' and criterion == 'direct' and target_compression == 100 and seed == {}"
    for seed, share in enumerate((0.99, 0.95, 0.8)):
        change(tables, query.format(seed), n_active=lambda rows, share=share: rows.n_kept * share)


def equal_frames(tables):
    rows = tables["subnetworks"]
    rows["test_accuracy"] = rows.groupby(["pruner", "seed", "target_compression"]).test_accuracy.transform(
        "last"
    )


def snip_loses_as_synflow(tables):
    """Both frames differ, and the difference of these two pruners is the same in both."""
    rows = tables["subnetworks"]
    synflow = rows[rows.pruner == "synflow"]
    others = rows[rows.pruner != "snip"]
    tables["subnetworks"] = pd.concat([others, synflow.assign(pruner="snip")], ignore_index=True)


def every_target_is_missed(tables):
    tables["subnetworks"]["effective_compression"] *= 1.5


def most_targets_are_missed_with_one_seed(tables):
    change(tables, "seed == 1", effective_compression=lambda rows: rows.effective_compression * 1.5)


def pruning_takes_as_long_as_training(tables):
    costs = tables["costs"]
    costs.loc[costs.stage == "subnetworks", "cpu_seconds"] = 200


def shortened_training_that_takes_as_long_as_pruning(tables):
    pruning_takes_as_long_as_training(tables)
    tables["subnetworks"]["reduced"] = "20 of 96,000 steps"


def add_points(tables, pruner: str, points: list[float]):
    rows = tables["subnetworks"]
    for seed, value in enumerate(points):
        rows.loc[(rows.pruner == pruner) & (rows.seed == seed), "test_accuracy"] += value / 100


def synflow_is_much_better(tables):
    add_points(tables, "synflow", [8.0, 8.5, 9.0])


def every_saliency_is_much_better(tables):
    for pruner in SALIENCIES:
        add_points(tables, pruner, [8.0, 8.5, 9.0])


def synflow_varies(tables):
    add_points(tables, "synflow", [-9.0, 0.0, 9.0])


def erk_is_much_better(tables):
    add_points(tables, "random-erk", [8.0, 8.1, 8.2])


def erk_is_nearly_equal(tables):
    add_points(tables, "random-erk", [1.0, 2.0, 3.0])


def lamp_is_much_better(tables):
    add_points(tables, "lamp", [4.0, 4.1, 4.2])


@pytest.mark.parametrize(
    ("number", "change", "expected"),
    [
        (1, nothing_is_lost, "refuted"),
        (1, fifty_times_at_every_level, "refuted"),
        (1, at_one_level_only, "confirmed"),
        (1, one_seed_loses_all, "undecided"),
        (2, synflow_loses_a_tenth, "refuted"),
        (2, synflow_is_disconnected_once, "undecided"),
        (2, synflow_strands_one_of_seven, "confirmed"),
        (3, snip_loses_much_at_ten, "in part"),
        (3, snip_varies_at_a_hundred, "undecided"),
        (3, nothing_is_lost, "in part"),
        (4, equal_frames, "refuted"),
        (4, snip_loses_as_synflow, "in part"),
        (5, every_target_is_missed, "in part"),
        (5, most_targets_are_missed_with_one_seed, "undecided"),
        (5, pruning_takes_as_long_as_training, "in part"),
        (5, shortened_training_that_takes_as_long_as_pruning, "not enough data"),
        (6, synflow_is_much_better, "in part"),
        (6, every_saliency_is_much_better, "refuted"),
        (6, synflow_varies, "undecided"),
        (7, erk_is_much_better, "in part"),
        (7, erk_is_nearly_equal, "undecided"),
        (7, lamp_is_much_better, "in part"),
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


def no_primary_level(tables):
    rows = tables["subnetworks"]
    return tables | {"subnetworks": rows[rows.target_compression.isin([10, 1000])]}


def no_costs(tables):
    return tables | {"costs": tables["costs"].iloc[:0]}


@pytest.mark.parametrize(
    ("number", "thin_out", "missing"),
    [
        *((number, two_seeds, "3 seeds (there are 2)") for number in CLAIMS if number != 4),
        (4, two_seeds, "3 seeds"),
        (1, without("random-uniform"), "pruner random-uniform"),
        (1, no_primary_level, "compressions from 100 to 398"),
        (2, without("synflow"), "pruner synflow"),
        (3, no_thick_level, "compressions near 10, 100 and 1,000"),
        (4, no_primary_level, "2 primary compressions with 5 pruners"),
        (4, without("snip"), "pruners snip and synflow in both frames"),
        (5, no_costs, "run times of pruning and retraining (costs)"),
        (6, without("snip-iterative"), "pruner snip-iterative"),
        (6, no_primary_level, "primary compressions that both random-igq and snip reach"),
        (7, without("random-snip"), "pruner random-snip"),
    ],
)
def test_what_is_missing_is_named(number, thin_out, missing, tables):
    row = row_of(thin_out(tables), number)
    assert row.verdict == "not enough data"
    assert missing in row.missing


def test_thin_levels_are_reported_apart(tables):
    change(
        tables,
        "pruner == 'synflow' and target_compression > 420",
        test_accuracy=lambda rows: rows.test_accuracy + 0.5,
    )
    assert verdict(tables, 6) == "confirmed"
    part = part_of(tables, 6, "as good as synflow when thin")
    assert (part.role, part.verdict) == ("secondary", "refuted")


def test_the_inactive_share_of_synflow_is_that_of_its_worst_level(tables):
    synflow = "pruner == 'synflow' and criterion == 'direct'"
    change(tables, f"{synflow} and target_compression == 100", n_kept=2000, n_active=1990)
    change(tables, f"{synflow} and target_compression == 158.489", n_kept=1600, n_active=1580)
    assert part_of(tables, 2, "at most 1 % inactive while 1,000 are kept").value == pytest.approx(20 / 1600)


def test_every_level_up_to_1000_counts_among_the_targets(tables):
    change(tables, "pruner == 'snip' and target_compression > 600", effective_compression=1.0)
    pruners, levels = len(RANDOM + MAGNITUDE + SALIENCIES), 8
    share = 1 - 2 / (pruners * levels)
    assert part_of(tables, 5, "hits targets up to 1,000").value == pytest.approx(share)
    assert part_of(tables, 5, "hits targets beyond 1,000").verdict == "not enough data"


def test_levels_that_effective_pruning_misses_are_not_compared(tables):
    change(
        tables,
        "pruner == 'synflow' and criterion == 'effective' and target_compression == 398.107",
        effective_compression=200.0,
        test_accuracy=0.98,
    )
    assert part_of(tables, 6, "as good as synflow").quantity.endswith("mean over 3 compressions")


def test_an_advantage_is_that_of_a_loop_over_seeds_and_levels(tables):
    rows = tables["subnetworks"]
    accuracy = (
        rows[rows.criterion == "effective"].set_index(["pruner", "target_compression", "seed"]).test_accuracy
    )
    levels = (100.0, 158.489, 251.189, 398.107)
    points = [
        sum(
            100 * accuracy["random-igq", level, seed] - 100 * accuracy["synflow", level, seed]
            for level in levels
        )
        / 4
        for seed in (0, 1, 2)
    ]
    assert part_of(tables, 6, "as good as synflow").value == pytest.approx(sum(points) / 3)


def test_a_part_is_named_after_its_bound(tables):
    assert part_of(tables, 7, "better than random-erk").bound == 0
    assert part_of(tables, 7, "as good as random-erk").bound == -1


@pytest.mark.parametrize(
    ("level", "in_primary", "in_secondary"),
    [
        (94.9, False, False),
        (95.0, True, False),
        (419.9, True, False),
        (420.1, False, True),
        (1050.0, False, True),
        (1050.1, False, False),
    ],
)
def test_the_ranges_of_levels_are_those_of_the_criteria(level, in_primary, in_secondary):
    rows = pd.DataFrame({"target_compression": [level]})
    assert (len(within(rows, PRIMARY)) == 1, len(within(rows, SECONDARY)) == 1) == (in_primary, in_secondary)


def test_pruners_beyond_the_paper_are_compared_where_the_study_has_them(tables):
    rows = tables["subnetworks"]
    grasp = rows[rows.pruner == "snip"].assign(pruner="grasp")
    tables["subnetworks"] = pd.concat([rows, grasp], ignore_index=True)
    assert part_of(tables, 6, "as good as grasp").verdict == "confirmed"


def test_pruners_may_have_different_seeds(tables):
    rows = tables["subnetworks"]
    igq = rows[(rows.pruner == "random-igq") & (rows.seed == 0)].assign(seed=9)
    tables["subnetworks"] = pd.concat([rows, igq], ignore_index=True)
    assert part_of(tables, 6, "as good as synflow").seeds == 3


def test_kendall_s_tau_is_that_of_scipy():
    values = np.random.default_rng(0).integers(0, 5, size=(6, 9)).astype(float)
    values[5] = 1.0
    taus = kendall_taus(values)
    for i, j in itertools.combinations(range(5), 2):
        assert taus[i, j] == pytest.approx(stats.kendalltau(values[i], values[j]).statistic)
    assert not taus[5].any()


def test_the_drop_of_tau_is_that_of_a_loop_over_pairs_of_seeds(tables):
    rows = tables["subnetworks"].query("100 <= target_compression <= 1000")
    table = rows[rows.pruner.isin(RANDOM + SALIENCIES)].pivot_table(
        index="pruner", columns=["target_compression", "criterion", "seed"], values="test_accuracy"
    )
    drops = []
    for level in table.columns.levels[0]:
        taus = {"within": [], "between": []}
        for one, other in itertools.permutations(SEEDS, 2):
            for frame in ("direct", "effective"):
                pair = table[level, frame, one], table[level, frame, other]
                taus["within"].append(stats.kendalltau(*pair).statistic)
            pair = table[level, "direct", one], table[level, "effective", other]
            taus["between"].append(stats.kendalltau(*pair).statistic)
        drops.append(np.mean(taus["within"]) - np.mean(taus["between"]))
    # Of a U statistic of pairs, the jackknife estimate is the estimate itself.
    assert part_of(tables, 4, "order changes").value == pytest.approx(np.mean(drops))


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
