import math

import pandas as pd
import pytest

from effective_sparsity.report import content
from effective_sparsity.report.content import Cell

WHERE = {"architecture": "lenet-300-100", "dataset": "mnist"}


def subnetworks(**columns) -> pd.DataFrame:
    row = WHERE | {"pruner": "snip", "criterion": "direct", "seed": 0, "target_compression": 10.0}
    row |= {"direct_compression": 10.0, "effective_compression": 12.0, "status": "ok", "test_accuracy": 0.9}
    return pd.DataFrame([row] * 3).assign(seed=[0, 1, 2], **columns)


def texts(table: content.Table) -> list[list[str]]:
    return [[cell.text for cell in row.values()] for row in table.rows]


def test_seeds_are_taken_together():
    table = content.subnetworks(subnetworks(test_accuracy=[0.90, 0.91, 0.92]))
    assert texts(table) == [
        ["LeNet-300-100 on MNIST", "SNIP", "direct", "10", "10.0", "12.0", "91.00", "2.48", "3", "ok"]
    ]
    assert list(table.rows[0])[-3:] == ["±", "Seeds", "Status"]


def test_subnetworks_without_active_weights_or_training_have_their_row():
    rows = subnetworks(
        effective_compression=[math.inf, math.inf, 5.0],
        test_accuracy=math.nan,
        status=["disconnected", "disconnected", "diverged"],
    )
    (row,) = texts(content.subnetworks(rows))
    assert row[5:] == ["infinite", "", "", "3", "2 disconnected, 1 diverged"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [(1234.5, Cell("1,234", 1234.5)), (math.inf, Cell("infinite", 1e300)), (math.nan, Cell("", None))],
)
def test_numbers_sort_by_their_value(value, cell):
    assert content.number(value, "{:,.0f}") == cell


def test_run_times_are_added_up_by_step():
    costs = pd.DataFrame(
        [
            WHERE
            | {
                "stage": "rank",
                "pruner": "snip",
                "jobs": 1,
                "seconds": s,
                "cpu_seconds": 1.0,
                "max_rss_mb": 100 * s,
            }
            for s in (2, 4)
        ]
    )
    assert texts(content.costs(costs)) == [
        ["LeNet-300-100 on MNIST", "Scores from gradients", "2", "6.0", "3.0", "2.0", "400"]
    ]


def test_facts_say_what_was_run():
    provenance = {"trained_on": {"card": 1200, "Processor, 1 thread": 1}}
    facts = dict(content.facts(subnetworks(), provenance))
    assert facts["Trained"] == "1,200 on card; 1 on Processor, 1 thread"
    assert facts["Networks"] == "LeNet-300-100 on MNIST"
    assert (facts["Seeds"], facts["Subnetworks"], facts["Compressions"]) == ("3", "3", "1, from 10 to 10")


def test_a_study_without_rows_has_facts():
    assert dict(content.facts(subnetworks().iloc[:0], {}))["Trained"] == "unknown"


def test_the_title_is_answered_and_verdicts_are_counted():
    claims = pd.DataFrame(
        {"claim": [1, 4, 4, 7], "verdict": ["confirmed", "confirmed", "undecided", "refuted"]}
    )
    claims = claims.assign(architecture=["a", "lenet-5", "b", "b"], dataset=["mnist", "cifar10", "", "mnist"])
    assert content.answers(claims) == [("LeNet-5 on CIFAR-10", "Yes"), ("", "Undecided")]
    assert content.tally(claims) == [("confirmed", 2), ("refuted", 1), ("undecided", 1)]


def test_run_times_say_when_no_pruner_has_its_own():
    row = WHERE | {"stage": "retrain", "pruner": None, "jobs": 1, "seconds": 1.0, "cpu_seconds": 1.0}
    table = pd.DataFrame([row | {"max_rss_mb": 1.0}])
    assert "no pruner has times of its own" in content.costs(table).note
    assert "no pruner has times of its own" not in content.costs(table.assign(pruner="snip")).note
