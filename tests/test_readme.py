"""What the README and the tutorials show works as it is written."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning import pruners
from effective_sparsity.pruning.rank import rank

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
YOUR_MODEL, ADD_A_PRUNER, YOUR_STUDY = (
    ROOT / f"docs/tutorials/{name}.md" for name in ("your-model", "add-a-pruner", "your-study")
)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def commands(page: Path, program: str) -> list[str]:
    lines = "".join(blocks(page, "bash")).splitlines()
    return [line for line in lines if line.startswith(f"{program} ")]


def pruner_of(page: Path) -> str:
    (example,) = (block for block in blocks(page, "python") if "PRUNERS[" in block)
    return example


def test_the_library_example_prints_what_the_readme_shows(capsys):
    (example,) = (block for block in blocks(README, "python") if "torchvision" in block)
    names = {}
    exec(example, names)
    printed = iter(capsys.readouterr().out.splitlines())
    (shown,) = blocks(README, "text")
    assert all(line in printed for line in shown.splitlines() if line != "...")  # in this order
    before, after = (sum(p.numel() for p in names[model].parameters()) for model in ("model", "small"))
    assert after < 0.3 * before


@pytest.mark.parametrize("page", [README, ADD_A_PRUNER], ids=lambda page: page.stem)
def test_the_example_of_a_pruner_ranks(page):
    # At the end of its module, of which a copy is enough.
    module = vars(pruners) | {"PRUNERS": dict(pruners.PRUNERS)}
    exec(pruner_of(page), module)
    network = NETWORKS["lenet-300-100"]
    state, prunable = initial_state(network, seed=0)
    inputs = pruners.Inputs(network, state, tuple(prunable), seed=0)
    connectivity = Connectivity(inputs.model(), network.input_shape)
    ranking = rank(module["PRUNERS"]["initial-magnitude"], inputs, connectivity)
    assert ranking.threshold("effective", 10) is not None


@pytest.mark.parametrize("page", [YOUR_MODEL, YOUR_STUDY], ids=lambda page: page.stem)
def test_the_examples_of_a_tutorial_run(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pd.option_context("display.width", 120):
        result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted
    assert result.failed == 0


STUDIES = dict.fromkeys(c for page in (README, ADD_A_PRUNER, YOUR_STUDY) for c in commands(page, "snakemake"))


@pytest.mark.parametrize("command", STUDIES)
def test_every_snakemake_command_plans_a_run(command, tmp_path):
    # The example's pruner is not there unless the reader adds it; a test below does.
    arguments = shlex.split(command.replace("initial-magnitude", "snip"), comments=True)[1:]
    if {"figures", "publish"} & set(arguments):
        (tmp_path / "results/default/tables").mkdir(parents=True)
        for table in ("curves", "dense", "history", "layers", "subnetworks"):
            (tmp_path / f"results/default/tables/{table}.csv").touch()
    shutil.copy(ROOT / "config.yaml", tmp_path)
    (tmp_path / "studies").mkdir()
    (own,) = blocks(YOUR_STUDY, "yaml")
    (tmp_path / "studies/mine.yaml").write_text(own)
    arguments = [
        a.replace("=studies/", f"={tmp_path if 'mine.yaml' in a else ROOT}/studies/") for a in arguments
    ]
    arguments = [a.replace("profiles/", f"{ROOT}/profiles/") for a in arguments]
    where = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *where, *arguments, "--dry-run"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "figure" in done.stdout + done.stderr


@pytest.mark.xdist_group("workflow")
def test_the_tutorial_adds_a_pruner_to_a_study(tmp_path):
    """Its own block and its own commands, in a copy of the project whose default study is shorter."""
    for name in ("lib", "rules", "workflow_scripts", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, tmp_path)
    config = (ROOT / "config.yaml").read_text()
    short = {"steps: 1000": "steps: 10", "evaluate_every: 250": "evaluate_every: 5", "[0, 1, 2]": "[0]"}
    for text, instead in {**short, "per_decade: 2": "per_decade: 1"}.items():
        assert text in config
        config = config.replace(text, instead)
    (tmp_path / "config.yaml").write_text(config)
    with (tmp_path / "lib/effective_sparsity/pruning/pruners.py").open("a") as file:
        file.write(f"\n\n{pruner_of(ADD_A_PRUNER)}")
    counting, training, _ = commands(ADD_A_PRUNER, "snakemake")
    for command in (counting, f"{training} -- results/mine/tables/history.csv"):
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=tmp_path, env=environment(tmp_path / "lib"), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "results/mine/tables/subnetworks.csv")
    assert set(table.pruner) == {"initial-magnitude", "random-igq", "synflow"}
    assert table.test_accuracy.notna().any()
    assert "initial-magnitude" in (tmp_path / "results/mine/figures/effective_vs_direct.csv").read_text()


def environment(library: Path) -> dict[str, str]:
    """A process that imports the library from there."""
    return os.environ | {"PYTHONPATH": str(library)}


@pytest.mark.parametrize("page", [README, YOUR_MODEL], ids=lambda page: page.stem)
def test_the_command_line_examples_run(page, tmp_path):
    examples = commands(page, "effective-sparsity")
    assert examples
    for example in examples:
        command = [sys.executable, "-m", "effective_sparsity", *shlex.split(example)[1:]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout
    named = re.findall(r"[\w-]+\.(?:safetensors|pt2|csv|svg)\b", " ".join(examples))
    assert {path.name for path in tmp_path.iterdir()} == set(named)


@pytest.mark.parametrize("target", ["study", "test", "docs", "environment", "progress"])
def test_the_make_targets_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
