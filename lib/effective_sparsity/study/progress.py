"""How far a study is: networks trained and the time left, in one line, from its files alone."""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from effective_sparsity.errors import exit_code
from effective_sparsity.study.config import read_config
from effective_sparsity.study.include import with_included
from effective_sparsity.study.plan import DENSE_FILE, TRAINED_FILE, Plan

# A log that has not changed for so many seconds is of a job that was interrupted.
_SILENT = 600


@dataclass(frozen=True)
class Job:
    """A training job: its kind (jobs of a kind take equally long), its name and its files."""

    kind: tuple[str, str]
    name: str
    outputs: list[str]

    def done(self, root: Path) -> int:
        """Networks that are trained."""
        return sum((root / output).is_file() for output in self.outputs)

    def seconds(self, root: Path) -> float | None:
        """How long it took; None where Snakemake has not measured it."""
        try:
            values = (root / f"benchmarks/{self.name}.tsv").read_text().splitlines()[1]
            return float(values.split("\t")[0])
        except (OSError, IndexError, ValueError):
            return None

    def fraction(self, root: Path) -> float:
        """The share of the steps that a running job has done; 0 if it is not running."""
        log = root / f"logs/{self.name}.log"
        try:
            if time.time() - log.stat().st_mtime > _SILENT:
                return 0.0
            steps = re.findall(r"step (\d+) of (\d+)", log.read_text())
        except OSError:
            return 0.0
        return int(steps[-1][0]) / int(steps[-1][1]) if steps else 0.0


def training_jobs(plan: Plan) -> Iterator[Job]:
    """All training jobs of a study."""
    for architecture, seed in plan.replicates:
        keys = {"architecture": architecture, "seed": seed}
        if plan.trains_dense(architecture, seed):
            kind = (architecture, "dense")
            yield Job(kind, f"train_dense/{architecture}-{seed}", [DENSE_FILE.format(**keys)])
        for share in plan.shares(architecture):
            for pruners in share.jobs if seed in share.part.seeds else ():
                outputs = [
                    TRAINED_FILE.format(**keys, pruner=pruner, criterion=criterion, level=level)
                    for pruner in pruners
                    for criterion in share.part.criteria
                    for level in share.levels
                ]
                name = share.name.format(pruner=pruners[0])
                yield Job((architecture, share.name), f"retrain/{architecture}-{seed}-{name}", outputs)


def progress(plan: Plan) -> str:
    """One line: networks trained of all, jobs running, and the time left if as many go on running.

    The time follows from finished jobs of the same kind, or from those of any kind by their number of
    networks; what else a study does is short beside training.
    """
    root = Path(plan.root)
    jobs = list(training_jobs(plan))
    done = {job.name: job.done(root) for job in jobs}
    unfinished = [job for job in jobs if done[job.name] < len(job.outputs)]
    n_done, n_networks = sum(done.values()), sum(len(job.outputs) for job in jobs)
    line = f"{plan.study.study}: {n_done:,} of {n_networks:,} networks trained"
    if not unfinished:
        return line
    fractions = {job.name: job.fraction(root) for job in unfinished}
    running = sum(fraction > 0 for fraction in fractions.values())
    line += f", {running} job{'s' if running != 1 else ''} running"
    seconds = _seconds_per_network(jobs, root)
    if not seconds:
        return f"{line}; no time to go by yet"
    mean = sum(seconds.values()) / len(seconds)
    left = sum(
        (1 - fractions[job.name]) * len(job.outputs) * seconds.get(job.kind, mean) for job in unfinished
    )
    return f"{line}; about {timedelta(seconds=round(left / max(running, 1)))} left"


def _seconds_per_network(jobs: list[Job], root: Path) -> dict[tuple[str, str], float]:
    """Mean over the finished jobs of each kind."""
    measured: dict[tuple[str, str], list[float]] = {}
    for job in jobs:
        if (seconds := job.seconds(root)) is not None:
            measured.setdefault(job.kind, []).append(seconds / len(job.outputs))
    return {kind: sum(values) / len(values) for kind, values in measured.items()}


def main() -> int:
    """Print the line."""
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.study.progress",
        description="How far a study is. Run it in the project's folder, also while Snakemake runs.",
    )
    parser.add_argument("study", nargs="?", default="config.yaml", help="study file (default: config.yaml)")
    options = parser.parse_args()
    return exit_code(
        lambda: print(progress(Plan(read_config(with_included({"include": options.study}, Path.cwd())))))
    )


if __name__ == "__main__":
    sys.exit(main())
