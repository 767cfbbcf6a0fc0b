"""How far a study is, from the files that are there."""

import os
from pathlib import Path

import pytest

from effective_sparsity.study.config import read_config
from effective_sparsity.study.plan import Plan
from effective_sparsity.study.progress import progress, training_jobs


@pytest.fixture
def plan(tmp_path) -> Plan:
    """Two seeds; a job for each of two pruners with three levels, and a dense network."""
    config = {
        "study": "s",
        "architectures": {"lenet-300-100": {"dataset": "mnist"}},
        "pruners": ["snip", "lamp"],
        "criteria": ["effective"],
        "compressions": [10, 20, 30],
        "seeds": [0, 1],
        "results": str(tmp_path),
    }
    return Plan(read_config(config))


def finish(plan: Plan, name: str, seconds: float | None = None) -> None:
    (job,) = (job for job in training_jobs(plan) if job.name == name)
    for output in [f"benchmarks/{name}.tsv", *job.outputs]:
        path = Path(plan.root, output)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("s\th:m:s\n" + (f"{seconds}\t0:00:01\n" if seconds else ""))


def log(plan: Plan, name: str, text: str, age: float = 0) -> None:
    path = Path(plan.root, f"logs/{name}.log")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))


def test_jobs_are_those_of_the_plan(plan):
    jobs = list(training_jobs(plan))
    assert [job.name for job in jobs if "-0" in job.name] == [
        "train_dense/lenet-300-100-0",
        "retrain/lenet-300-100-0-snip-1",
        "retrain/lenet-300-100-0-lamp-1",
    ]
    assert sum(len(job.outputs) for job in jobs) == 2 * (1 + 2 * 3)


def test_nothing_is_promised_before_anything_was_measured(plan):
    assert progress(plan) == "s: 0 of 14 networks trained, 0 jobs running; no time to go by yet"


def test_the_time_left_is_that_of_jobs_of_the_same_kind(plan):
    finish(plan, "retrain/lenet-300-100-0-snip-1", seconds=30)
    finish(plan, "train_dense/lenet-300-100-0", seconds=100)
    log(plan, "retrain/lenet-300-100-1-snip-1", "step 100 of 1000, x\nstep 500 of 1000, x\n")
    log(plan, "train_dense/lenet-300-100-1", "step 1 of 4\n", age=3600)  # interrupted
    # Half of a job of 30 s, two others of 30 s, a dense network of 100 s.
    assert progress(plan) == "s: 4 of 14 networks trained, 1 job running; about 0:02:55 left"


def test_kinds_of_which_none_is_finished_take_the_mean_of_the_others(plan):
    finish(plan, "train_dense/lenet-300-100-0", seconds=100)
    # 12 networks and a dense one at 100 s.
    assert progress(plan).endswith("about 0:21:40 left")


def test_a_finished_study_has_nothing_left(plan):
    for job in training_jobs(plan):
        finish(plan, job.name)
    assert progress(plan) == "s: 14 of 14 networks trained"
