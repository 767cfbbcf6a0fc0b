"""Versions of the steps.

Steps that cost much, or read what costs much, have a number. Raise it when a change of the code changes what
the step computes: everything that depends on it is then made again. Edits that change no result leave it, so
that nobody retrains for a comment. What is made from the tables alone follows its code: edits make it again.
"""

import hashlib
from pathlib import Path

INITIAL = 1
CONNECTIVITY = 1
RANKING = 2
SUBNETWORKS = 3
TRAINING = 1
EVALUATION = 2
TABLES = 1

_LIBRARY = Path(__file__).parents[1]


def of_code(*parts: str) -> str:
    """What identifies the code of a step.

    It is for a rule's parameters. As inputs, the files would be compared by age where Snakemake knows nothing
    of an earlier run, and those of a fresh clone are younger than all results.

    Args:
        parts: modules ("study/tables.py") and packages ("figures") of the library, relative to it.
    """
    digest = hashlib.sha256()
    for part in map(_LIBRARY.joinpath, parts):
        files = [path for path in part.rglob("*") if path.is_file()] if part.is_dir() else [part]
        for path in sorted(path for path in files if path.suffix != ".pyc"):
            digest.update(path.relative_to(_LIBRARY).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
