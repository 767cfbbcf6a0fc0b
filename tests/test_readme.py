"""What the README shows works as it is written."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning import pruners
from effective_sparsity.pruning.rank import rank


def blocks(root, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)


def test_the_library_example_runs(root, capsys):
    (example,) = (block for block in blocks(root, "python") if "import torchvision" in block)
    names = {}
    exec(example, names)
    shown = capsys.readouterr().out
    assert "effective_compression" in shown
    assert "total" in shown
    assert set(names["effective"]) == set(names["scores"])
    assert all(not (names["active"][name] & ~mask).any() for name, mask in names["masks"].items())


def test_the_example_of_a_pruner_ranks(root):
    (example,) = (block for block in blocks(root, "python") if "PRUNERS[" in block)
    # At the end of its module, of which a copy is enough.
    module = vars(pruners) | {"PRUNERS": dict(pruners.PRUNERS)}
    exec(example, module)
    network = NETWORKS["lenet-300-100"]
    state, prunable = initial_state(network, seed=0)
    inputs = pruners.Inputs(network, state, tuple(prunable), seed=0)
    connectivity = Connectivity(inputs.model(), network.input_shape)
    ranking = rank(module["PRUNERS"]["initial-magnitude"], inputs, connectivity)
    assert ranking.threshold("effective", 100) is not None


def commands(root) -> list[str]:
    lines = "".join(blocks(root, "bash")).splitlines()
    return [line for line in lines if line.startswith("snakemake")]


def test_the_readme_shows_how_to_run_studies(root):
    assert len(commands(root)) == 9


@pytest.mark.parametrize("number", range(9))
def test_every_snakemake_command_plans_a_run(root, number, tmp_path):
    command = commands(root)[number]
    # The example's pruner is not there unless the reader adds it.
    arguments = shlex.split(command.replace("initial-magnitude", "snip"), comments=True)[1:]
    if "figures" in arguments:
        (tmp_path / "results/default/tables").mkdir(parents=True)
        for table in ("curves", "dense", "history", "layers", "subnetworks"):
            (tmp_path / f"results/default/tables/{table}.csv").touch()
    shutil.copy(root / "config.yaml", tmp_path)
    arguments = [a.replace("=studies/", f"={root}/studies/") for a in arguments]
    where = ["--snakefile", str(root / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *where, *arguments, "--dry-run"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "figure" in done.stdout + done.stderr


def test_the_command_line_examples_run(root, tmp_path):
    examples = [line for line in "".join(blocks(root, "bash")).splitlines() if line.startswith("effective-")]
    assert len(examples) == 3
    for example in examples:
        command = [sys.executable, "-m", "effective_sparsity", *shlex.split(example)[1:]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"masks.safetensors", "pruned.safetensors", "small.pt2"}


@pytest.mark.parametrize("target", ["study", "test"])
def test_the_make_targets_exist(root, target):
    assert re.search(rf"^{target}:", (root / "Makefile").read_text(), re.MULTILINE)
