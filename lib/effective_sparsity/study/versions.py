"""Versions of the steps.

Steps that are expensive, or read what is, have a number. Raise it when a change of the code changes what the
step computes: everything that depends on it is then made again. Leave it when no result changes. Steps that
read tables alone are made again whenever their code changes (see `code`).
"""

from collections.abc import Iterable

from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.code import function_digest

INITIAL = 1
CONNECTIVITY = 2
SUBNETWORKS = 4
TRAINING = 1
EVALUATION = 2
TABLES = 1


def ranking_versions(pruners: Iterable[str]) -> int | dict[str, int | str]:
    """The version of each pruner, or else the digest of its module; a version that all share stands alone."""
    versions = {name: PRUNERS[name].version or function_digest(PRUNERS[name].scores) for name in pruners}
    shared, *others = set(versions.values())
    return versions if others or isinstance(shared, str) else shared
