"""The Makefile says in one line what is wrong, before it installs anything."""

import re
import shlex
import subprocess
import sys

import pytest
import yaml

from effective_sparsity.pruning.pruners import SINCE_2021


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["study", "CONFIG=studies/none.yaml"],
            "CONFIG=studies/none.yaml: there is no such file; name a study",
        ),
        (["archive", "STUDY=none"], "there is no folder results/none; name a study that has run"),
        (["environment", "PYTHON=no-python"], "no-python was not found; name a Python 3.11 or newer"),
    ],
)
def test_a_mistake_is_named_with_its_cure(root, arguments, message, tmp_path):
    (tmp_path / "requirements.lock").touch()
    command = ["make", "--file", root / "Makefile", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["requirements.lock"]


def test_the_leaderboard_takes_one_more_pruner(root, tmp_path):
    """The command of its page plans those that are there and the new one, five seeds of each."""
    (command,) = re.findall(r"```bash\n(make .+)\n```", (root / "docs/leaderboard.md").read_text())
    # The example's pruner is not there unless the reader adds it, nor are controls unless they are named.
    command = command.replace("initial-magnitude", "snip-permuted-pixels")
    shown = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    (run,) = re.findall(r"snakemake .+? -- publish", shown.replace("\\\n", " "))
    _, *arguments = shlex.split(run.replace("=studies/", f"={root}/studies/"))
    where = ["--snakefile", str(root / "Snakefile"), "--directory", str(tmp_path), "--dry-run"]
    arguments = [argument for argument in arguments if argument not in ("--quiet", "rules", "host")]
    planned = subprocess.run(
        [sys.executable, "-m", "snakemake", *where, *arguments], capture_output=True, text=True
    )
    assert planned.returncode == 0, planned.stderr
    study = yaml.safe_load((root / "studies/reference/leaderboard.yaml").read_text())
    named = [pruner for part in study["parts"].values() for pruner in part["pruners"]]
    n_pruners = len(named) - 1 + len(SINCE_2021)  # one of the names stands for those since 2021
    messages = planned.stdout + planned.stderr
    jobs = dict(re.findall(r"^retrain_lenet-300-100_(\d) +(\d+)$", messages, re.MULTILINE))
    assert sum(map(int, jobs.values())) == 5 * (n_pruners + 1)
    assert "effective_sparsity.report.documents results/reference docs/leaderboard.md" in shown


def test_a_study_that_is_there_is_run(root):
    command = ["make", "--dry-run", "study", "CONFIG=studies/curves.yaml"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "--configfile=studies/curves.yaml" in done.stdout
