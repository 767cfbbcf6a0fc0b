"""Where the results of a study come from."""

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from effective_sparsity.storage import replacing
from effective_sparsity.study.config import StudyConfig

_PACKAGES = ("effective-sparsity", "numba", "numpy", "pandas", "snakemake", "torch", "torchvision")


def write_provenance(path: Path | str, study: StudyConfig) -> None:
    """Write a study's configuration, the versions of code and packages, and the machine, as JSON."""
    facts = {
        "study": study.model_dump(by_alias=True),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "machine": platform.platform(),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the project, with `-dirty` if files have changed since; None outside a git checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
