"""Files that the command line writes."""

import os
import stat
import sys

import pytest

from effective_sparsity.__main__ import main

MODULE = """
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
"""
MODEL = ["own_network:build", "--input-shape", "1,4,4"]
PRUNE = ["prune", *MODEL, "--pruner", "random-igq", "--compression", "2"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own_network.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "own_network", raising=False)
    return tmp_path


def test_files_have_the_mode_that_the_umask_leaves(folder):
    old = os.umask(0o027)
    try:
        assert main([*PRUNE, "--masks", "m.safetensors", "--output", "p.safetensors"]) == 0
        assert (
            main(["measure", *MODEL, "--masks", "m.safetensors", "--csv", "t.csv", "--json", "t.json"]) == 0
        )
    finally:
        os.umask(old)
    written = ["m.safetensors", "p.safetensors", "t.csv", "t.json"]
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in written} == {0o640}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [*PRUNE, "--masks", "nodir/m", "--output", "p"],
            "--masks nodir/m: there is no folder nodir; create",
        ),
        ([*PRUNE, "--masks", "m", "--output", "nodir/p"], "--output nodir/p: there is no folder nodir"),
        ([*PRUNE, "--masks", "m", "--output", "./m"], "--masks and --output are the same file, m; give one"),
        ([*PRUNE, "--masks", "m", "--output", "p", "--checkpoint", "m"], "--checkpoint are the same file"),
        (["measure", *MODEL, "--csv", "t", "--json", "t"], "--csv and --json are the same file, t"),
        (["measure", *MODEL, "--csv", "own_network.py/t"], "there is no folder own_network.py"),
    ],
)
def test_files_that_would_be_lost_are_refused_in_one_line(folder, capsys, arguments, message):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["own_network.py"]


def test_a_checkpoint_may_be_pruned_in_place(folder):
    assert main([*PRUNE, "--masks", "m.safetensors", "--output", "p.safetensors"]) == 0
    in_place = ["--checkpoint", "p.safetensors", "--output", "p.safetensors"]
    assert main([*PRUNE, *in_place, "--masks", "n.safetensors"]) == 0
    assert (folder / "m.safetensors").read_bytes() == (folder / "n.safetensors").read_bytes()
