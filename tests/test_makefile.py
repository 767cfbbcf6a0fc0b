"""The Makefile says in one line what is wrong, before it installs anything."""

import subprocess

import pytest


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


def test_a_study_that_is_there_is_run(root):
    command = ["make", "--dry-run", "study", "CONFIG=studies/curves.yaml"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "--configfile=studies/curves.yaml" in done.stdout
