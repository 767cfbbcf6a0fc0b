"""What is published can be built and installed, and works without the checkout."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest
import yaml
from packaging.utils import canonicalize_name

BUILD = "import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
USE = """
import effective_sparsity, torch
from torch import nn
assert effective_sparsity.__file__.startswith({folder!r}), effective_sparsity.__file__
print(effective_sparsity.__version__)
print(effective_sparsity.sparsity_report(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), (4,)))
"""


@pytest.fixture(scope="module")
def version(root) -> str:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="module")
def source(root, tmp_path_factory):
    """A source distribution, unpacked; built from a copy, since a build leaves files behind."""
    folder = tmp_path_factory.mktemp("sdist")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(root / "lib", folder / "copy/lib", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder / "copy")
    command = [sys.executable, "-c", BUILD.format(kind="sdist"), str(folder)]
    subprocess.run(command, cwd=folder / "copy", check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def test_the_source_distribution_builds_a_wheel_that_works_alone(source, version, tmp_path):
    command = [sys.executable, "-c", BUILD.format(kind="wheel"), str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if not name.startswith("effective_sparsity")]
    for data in ("py.typed", "report/page.html", "report/style.css"):
        assert f"effective_sparsity/{data}" in names
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", f"--target={target}"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(target)}
    use = [sys.executable, "-c", USE.format(folder=str(target))]
    done = subprocess.run(use, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == version
    assert "total" in done.stdout
    script = subprocess.run(
        [target / "bin/effective-sparsity", "--version"], env=environment, capture_output=True, text=True
    )
    assert script.stdout.strip() == version, script.stderr


def test_citations_name_the_version(root, version):
    assert yaml.safe_load((root / "CITATION.cff").read_text())["version"] == version


def test_the_licence_of_every_pinned_package_is_listed(root):
    page = (root / "docs/licences.md").read_text()
    cells = [cell.strip() for line in page.splitlines() if line.startswith("|") for cell in line.split("|")]
    listed = {name for cell in cells for name in cell.split(", ")}
    pinned = re.findall(r"^([\w.-]+)==", (root / "requirements.lock").read_text(), re.MULTILINE)
    assert {canonicalize_name(name) for name in pinned} <= {canonicalize_name(name) for name in listed}


def test_continuous_integration_tests_the_pythons_that_are_promised(root):
    workflow = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())
    job = workflow["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert {"run": ".ci/run"} in job["steps"]
