"""Runs of the whole workflow."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml


class Workflow:
    """The project's workflow in a folder of its own."""

    def __init__(self, root: Path, folder: Path):
        self.root, self.folder = root, folder
        self.config = yaml.safe_load((root / "tests/workflow/tiny.yaml").read_text())

    @property
    def results(self) -> Path:
        return self.folder / "results" / self.config["study"]

    def command(self, *arguments: str) -> list[str]:
        config = self.folder / "config.yaml"
        config.write_text(yaml.safe_dump(self.config))
        where = ["--snakefile", str(self.root / "Snakefile"), "--directory", str(self.folder)]
        options = ["--configfile", str(config), "--cores", "2"]
        return [sys.executable, "-m", "snakemake", *where, *options, *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake to its end, whatever it is."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)

    def succeed(self, *arguments: str) -> str:
        """Run Snakemake, which must succeed; its messages."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *targets: str) -> Counter:
        """How many jobs of each rule a run would do now; the targets that only collect are left out."""
        messages = self.succeed(*targets, "--dry-run")
        jobs = re.findall(r"^(?:local)?rule (\S+):$", messages, re.MULTILINE)
        return Counter(job for job in jobs if job not in ("all", "figures", "verdicts", "data"))

    def run_and_kill_when(self, condition) -> None:
        """Start Snakemake and kill it with all its jobs as soon as `condition()` holds."""
        process = subprocess.Popen(
            self.command(), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and not condition():
            time.sleep(0.02)
        assert process.poll() is None, "the run ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def tables(self) -> dict[str, bytes]:
        """The tables, without those that depend on how long something took."""
        paths = sorted((self.results / "tables").glob("*.csv"))
        timed = ("costs.csv", "claims.csv", "measurements.csv")
        return {path.name: path.read_bytes() for path in paths if path.name not in timed}


@pytest.fixture(scope="session")
def finished(root, tmp_path_factory) -> Workflow:
    """A tiny study, run once to its end. Do not change it; see `copy`."""
    workflow = Workflow(root, tmp_path_factory.mktemp("study"))
    workflow.succeed()
    return workflow


@pytest.fixture
def copy(finished, tmp_path) -> Workflow:
    """A copy of the finished study, with what Snakemake knows of it, to change at will."""
    folder = tmp_path / "study"
    shutil.copytree(finished.folder, folder)
    return Workflow(finished.root, folder)


@pytest.fixture
def fresh(root, tmp_path) -> Workflow:
    """A study of which nothing is there yet."""
    return Workflow(root, tmp_path)
