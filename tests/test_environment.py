"""The files that name versions agree with each other and with what is imported."""

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((PROJECT / "environment.yml").read_text())["dependencies"]
CUDA = re.compile(r"cuda-.*|nvidia-.*|triton")  # what PyTorch asks for by itself, and only on some machines


def pins(lines) -> dict[str, str]:
    """Version by name; anything but `name==version` fails."""
    found = {}
    for line in lines:
        name, version = re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups()
        assert canonicalize_name(name) not in found, f"{name} is pinned twice"
        found[canonicalize_name(name)] = version
    return found


def lock(**machine: str) -> dict[str, str]:
    """What is pinned for this machine, or for another: variables of markers, such as `sys_platform`."""
    lines = (PROJECT / "requirements.lock").read_text().replace("\\\n", "").splitlines()
    pinned = []
    for line in lines:
        if line and not line.startswith("#"):
            requirement, *hashes = line.split("--hash=")
            assert hashes, f"{requirement} has no hash"
            pin, _, marker = requirement.partition(";")
            if not marker or Marker(marker).evaluate(machine):
                pinned.append(pin.strip())
    return pins(pinned)


def conda() -> dict[str, str]:
    (block,) = (entry["pip"] for entry in CONDA if isinstance(entry, dict))
    return pins(block)


def declared() -> list[Requirement]:
    extras = PYPROJECT["optional-dependencies"]
    groups = [PYPROJECT["dependencies"], *extras.values()]
    return [Requirement(text) for group in groups for text in group]


def required(requirements: list[Requirement]) -> set[str]:
    """Names of the packages that the installed ones need on this machine, directly and indirectly."""
    found, open_ = (
        set(),
        [(requirement, extra) for requirement in requirements for extra in ("", *requirement.extras)],
    )
    while open_:
        requirement, extra = open_.pop()
        if (requirement.name, extra) in found:
            continue
        found.add((requirement.name, extra))
        for text in metadata.requires(requirement.name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                open_ += [(needed, inner) for inner in ("", *needed.extras)]
    return {canonicalize_name(name) for name, _ in found}


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_every_declared_dependency_is_locked_in_a_version_that_suits(requirement):
    assert lock()[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_lock_holds_whatever_is_needed_and_nothing_else():
    unneeded_here = {name for name in lock() if CUDA.fullmatch(name)}
    assert required(declared()) - unneeded_here == lock().keys() - unneeded_here


def test_what_is_installed_is_what_is_locked():
    installed = {name: metadata.version(name) for name in required(declared())}
    assert {name: version.partition("+")[0] for name, version in installed.items()}.items() <= lock().items()


def test_conda_gets_the_locked_versions():
    """All that neither Linux, for CUDA, nor Windows needs in addition."""
    assert conda() == lock(sys_platform="darwin", platform_machine="x86_64")


def test_container_images_get_what_is_locked():
    script = (PROJECT / "containers/install.sh").read_text()
    assert 'pip install --no-cache-dir --require-hashes --requirement "$lock"' in script
    for recipe in ("Dockerfile", "effective-sparsity.def"):
        text = (PROJECT / "containers" / recipe).read_text()
        assert "sh /tmp/build/install.sh /tmp/build/requirements.lock" in text


def test_conda_gets_a_python_that_the_project_allows():
    (python,) = (entry.partition("=")[2] for entry in CONDA if str(entry).startswith("python="))
    assert f"{python}.99" in Requirement(f"python{PYPROJECT['requires-python']}").specifier


def imported(folder: Path) -> set[str]:
    """Names of the packages, outside the standard library, that modules in `folder` import from elsewhere."""
    names, own = set(), {path.stem for path in folder.glob("*.py")}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - own - {"effective_sparsity"}


@pytest.mark.parametrize("folder", ["lib", "workflow_scripts", "benchmarks", "tests"])
def test_whatever_is_imported_is_declared(folder):
    names = {canonicalize_name(requirement.name) for requirement in declared()}
    distributions = metadata.packages_distributions()
    assert not {
        module
        for module in imported(PROJECT / folder)
        if names.isdisjoint(canonicalize_name(name) for name in distributions[module])
    }
