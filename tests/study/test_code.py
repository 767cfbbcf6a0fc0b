"""What stands for code changes with what the code computes, and with nothing else."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCORES = '''
from functools import partial
from effective_sparsity.pruning.{module} import by_score


def mine(inputs: Inputs) -> Layers:
    """Mine."""
    return allocations.igq(by_score(inputs.weights))


def theirs(inputs: Inputs) -> Layers:
    return helped(inputs)


HELP = 2


def helped(inputs):
    return HELP


def made(power):
    def scores(inputs):
        return power

    return scores


PRUNERS["mine"] = Pruner(mine)
PRUNERS["theirs"] = Pruner(theirs)
PRUNERS["lambda"] = Pruner(lambda inputs: inputs.weights)
PRUNERS["made"] = Pruner(made(3))
PRUNERS["lazy"] = _saliency("snip")
PRUNERS["partial"] = Pruner(partial(theirs))
PRUNERS["fixed"] = Pruner(theirs, version=4)
'''
WITHOUT_VERSION = {"mine", "theirs", "lambda", "made", "lazy", "partial"}

# Edits to add to the end of a file.
EDITS = {".py": "EDITED = 1\n", ".html": "<!-- edited -->\n"}
STEPS = {"claims": (), "figures": ("figures",), "report": ("report",), "costs": ()}


class Library:
    """A copy of the library to edit, with pruners of a user's in it."""

    def __init__(self, root: Path, folder: Path):
        self.folder = folder / "effective_sparsity"
        shutil.copytree(root / "lib/effective_sparsity", self.folder)
        self.scripts = shutil.copytree(root / "workflow_scripts", folder / "workflow_scripts")
        self.edit("pruning/pruners.py", "", SCORES.format(module="orders"))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the text `old` in a file; add to its end if there is none."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new) if old else text + new)

    def evaluate(self, expression: str):
        """A literal that the library computes."""
        code = (
            "from pathlib import Path\nfrom effective_sparsity.study import code, versions\n"
            f"from effective_sparsity.pruning.pruners import PRUNERS\nprint({expression})"
        )
        command = [sys.executable, "-c", code]
        environment = os.environ | {"PYTHONPATH": str(self.folder.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return ast.literal_eval(done.stdout)

    def pruners(self) -> dict[str, int | str]:
        """What stands for the code of each pruner."""
        return self.evaluate("{name: versions.ranking_versions([name]) for name in PRUNERS}")

    def steps(self, **packages: tuple) -> dict[str, str]:
        """What stands for the code of each step: that of its script, and of packages."""
        of_step = f"code.module_digest([Path({str(self.scripts)!r}, f'{{name}}.py')], packages)"
        return self.evaluate(f"{{name: {of_step} for name, packages in {packages or STEPS}.items()}}")


@pytest.fixture(scope="module")
def original(root, tmp_path_factory) -> Library:
    return Library(root, tmp_path_factory.mktemp("original"))


@pytest.fixture(scope="module")
def pruners_before(original) -> dict:
    return original.pruners()


@pytest.fixture(scope="module")
def steps_before(original) -> dict:
    return original.steps()


@pytest.fixture
def library(root, tmp_path) -> Library:
    return Library(root, tmp_path)


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if str(before[name]) != str(after[name])}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pruning/pruners.py", '    """Mine."""\n', "    # Another remark.\n\n"),
        ("pruning/pruners.py", "igq(by_score(inputs", "igq(\n        by_score(inputs"),
        ("pruning/allocations.py", "1 / rank - 1 / rank.size", "(1 / rank) - (1 / rank.size)"),
        ("figures/tables.py", "", "EDITED = 1\n"),
    ],
)
def test_remarks_formatting_and_code_that_no_pruner_imports_rank_nothing_again(
    library, pruners_before, file, old, new
):
    library.edit(file, old, new)
    assert library.pruners() == pruners_before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pruning/pruners.py", "igq(by_score(inputs", "erk(by_score(inputs"),
        ("pruning/pruners.py", "HELP = 2", "HELP = 3"),
        ("pruning/pruners.py", "inputs: inputs.weights)", "inputs: inputs.initial)"),
        ("pruning/pruners.py", "Pruner(made(3))", "Pruner(made(4))"),
        ("pruning/allocations.py", "1 / rank - 1 / rank.size", "1 / rank"),
        ("pruning/orders.py", "best_first] = np.arange(1", "best_first] = np.arange(0"),
        ("pruning/saliencies.py", "(vector * gradient)", "(vector + gradient)"),  # imported when it is called
    ],
)
def test_an_edit_ranks_pruners_without_a_version_again_and_no_other(library, pruners_before, file, old, new):
    library.edit(file, old, new)
    assert changed(pruners_before, library.pruners()) == WITHOUT_VERSION


def test_another_version_ranks_again(library, pruners_before):
    library.edit("pruning/pruners.py", "theirs, version=4", "theirs, version=5")
    assert "fixed" in changed(pruners_before, library.pruners())


def test_pruners_that_ship_have_a_version(pruners_before):
    unversioned = {name for name, version in pruners_before.items() if not isinstance(version, int)}
    assert unversioned == WITHOUT_VERSION


def test_versions_of_several_pruners_tell_which_is_whose(original, pruners_before):
    assert original.evaluate("versions.ranking_versions(['snip', 'synflow'])") == 2
    both = original.evaluate("versions.ranking_versions(['snip', 'mine'])")
    assert both == pruners_before["mine"] | {"snip": 2}


@pytest.mark.parametrize(
    ("edited", "steps"),
    [
        ("figures/tables.py", {"claims", "figures", "report"}),
        ("pruning/mean_field.py", {"figures"}),
        ("claims/evidence.py", {"claims", "report"}),
        ("report/page.html", {"report"}),
        ("study/costs.py", {"costs"}),
        ("study/tables.py", {"claims", "figures", "report", "costs"}),
        ("storage.py", {"claims", "figures", "report", "costs"}),
        ("study/plan.py", set()),
    ],
)
def test_an_edit_makes_the_steps_again_that_import_it(library, steps_before, edited, steps):
    library.edit(edited, "", EDITS[Path(edited).suffix])
    assert changed(steps_before, library.steps()) == steps


def test_scripts_are_code_and_remarks_and_compiled_or_touched_files_are_not(library, steps_before):
    compiled = library.folder / "figures/__pycache__/x.pyc"
    compiled.parent.mkdir(exist_ok=True)
    compiled.write_bytes(b"compiled")
    (library.folder / "figures/tables.py").touch()
    library.edit("figures/tables.py", "", "# A remark.\n")
    assert library.steps() == steps_before
    script = library.scripts / "figures.py"
    script.write_text(script.read_text() + EDITS[".py"])
    assert changed(steps_before, library.steps()) == {"figures"}


def test_a_package_that_is_not_there_is_an_error(original):
    with pytest.raises(subprocess.CalledProcessError) as error:
        original.steps(figures=("figurs",))
    assert "figurs: the library has no such package" in error.value.stderr
