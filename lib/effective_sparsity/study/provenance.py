"""Where the results of a study come from."""

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.storage import replacing
from effective_sparsity.training.hardware import machine

if TYPE_CHECKING:
    from effective_sparsity.study.config import StudyConfig

# Where files are on this machine, which changes no result.
_PLACES = {"mirrors", "data", "results"}
_PACKAGES = ("effective-sparsity", "numba", "numpy", "pandas", "snakemake", "torch", "torchvision")


def write_provenance(path: Path | str, study: "StudyConfig", trained_on: dict[str, int]) -> None:
    """Write a study's settings, the versions of code and packages, and the machines, as JSON.

    Args:
        trained_on: number of networks by what they were trained on; `machine` is the one that writes.
    """
    facts = {
        "study": study.model_dump(by_alias=True, exclude=_PLACES),
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "machine": machine(),
        "trained_on": trained_on,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n")


def read_provenance(path: Path | str) -> dict:
    """Read what `write_provenance` wrote.

    Raises:
        DamagedFileError: it is something else, or was cut short.
        OSError: it cannot be read.
    """
    try:
        facts = json.loads(Path(path).read_bytes())
        facts["study"]["study"]
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedFileError(path, error) from error
    return facts


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of the project, with `-dirty` if files have changed since; None outside a git checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
