import pandas as pd
import pytest

from effective_sparsity.study.costs import COLUMNS, costs

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
SNIP_TWICE = {"net-1-0": {"retrain": {"snip": ["snip-1", "snip-2"]}}}
KEYS = {"study": "study", "architecture": "net-1", "dataset": "mnist", "reduced": float("nan")}


def subnetworks(*pruners: str) -> pd.DataFrame:
    return pd.DataFrame([KEYS | {"seed": 0, "pruner": pruner} for pruner in pruners])


def measured(folder, stage: str, name: str, seconds: float, memory="100.5", cpu="1.5") -> None:
    path = folder / stage / f"{name}.tsv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{HEAD}{seconds}\t0:00:01\t{memory}\t1\t1\t1\t1\t1\t1\t{cpu}\n")


def test_all_jobs_of_a_pruner_are_added_up(tmp_path):
    measured(tmp_path, "retrain", "net-1-0-snip-1", 10, memory="200")
    measured(tmp_path, "retrain", "net-1-0-snip-2", 20)
    measured(tmp_path, "retrain", "net-1-0-snip-iterative-1", 99)  # another pruner
    measured(tmp_path, "retrain", "net-1-0-snip-3", 99)  # of a plan with more shares
    (row,) = costs(subnetworks("snip"), tmp_path, SNIP_TWICE).itertuples()
    assert (row.stage, row.pruner, row.seed, row.jobs) == ("retrain", "snip", 0, 2)
    assert (row.seconds, row.cpu_seconds, row.max_rss_mb) == (30, 3, 200)


def test_a_job_that_all_pruners_share_has_a_row_without_pruner(tmp_path):
    measured(tmp_path, "retrain", "net-1-0-1", 10)
    measured(tmp_path, "retrain", "net-1-0-2", 20)
    measured(tmp_path, "subnetworks", "net-1-0-all", 5)
    measured(tmp_path, "subnetworks", "net-1-0-snip", 99)  # of a plan with a job for each pruner
    jobs = {"net-1-0": {"subnetworks": {"": ["all"]}, "retrain": {"": ["1", "2"]}}}
    counting, training = costs(subnetworks("snip", "lamp"), tmp_path, jobs).itertuples()
    assert (counting.stage, counting.jobs, counting.seconds) == ("subnetworks", 1, 5)
    assert (training.stage, training.jobs, training.seconds) == ("retrain", 2, 30)
    assert pd.isna(counting.pruner)
    assert pd.isna(training.pruner)


def test_every_stage_has_its_row(tmp_path):
    names = {"train_dense": "net-1-0", "evaluate": "net-1-0", "retrain": "net-1-0-snip-1"}
    names |= dict.fromkeys(["rank", "subnetworks"], "net-1-0-snip")
    for stage, name in names.items():
        measured(tmp_path, stage, name, 1)
    jobs = {"net-1-0": {"subnetworks": {"snip": ["snip"]}, "retrain": {"snip": ["snip-1"]}}}
    table = costs(subnetworks("snip", "snip"), tmp_path, jobs)
    assert list(table.stage) == ["train_dense", "rank", "subnetworks", "retrain", "evaluate"]
    assert table.pruner.notna().sum() == 3
    assert list(table.columns) == COLUMNS


def test_what_was_not_measured_leaves_no_row(tmp_path):
    measured(tmp_path, "retrain", "net-1-0-snip-1", 10)
    table = costs(subnetworks("snip", "lamp"), tmp_path, SNIP_TWICE)
    assert table.empty
    assert list(table.columns) == COLUMNS


def test_a_job_too_short_to_measure_its_memory_counts(tmp_path):
    measured(tmp_path, "rank", "net-1-0-snip", 0.1, memory="-", cpu="-")
    (row,) = costs(subnetworks("snip"), tmp_path, {}).itertuples()
    assert row.seconds == pytest.approx(0.1)
    assert pd.isna(row.max_rss_mb)
    assert pd.isna(row.cpu_seconds)


@pytest.mark.parametrize(
    "damage", [lambda text: "", lambda text: HEAD, lambda text: "\0" * 30, lambda text: "s\n1\n"]
)
def test_a_damaged_measurement_leaves_no_row(damage, tmp_path):
    measured(tmp_path, "rank", "net-1-0-snip", 1)
    path = tmp_path / "rank/net-1-0-snip.tsv"
    path.write_text(damage(path.read_text()))
    assert costs(subnetworks("snip"), tmp_path, {}).empty
