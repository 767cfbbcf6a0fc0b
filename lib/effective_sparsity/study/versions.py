"""Versions of the steps.

Steps that cost much, or read what costs much, have a number. Raise it when a change of the code changes what
the step computes: everything that depends on it is then made again. Edits that change no result leave it, so
editing a comment never triggers retraining. What is made from the tables alone follows its code (see `code`).
"""

from collections.abc import Iterable

from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.code import of_function

INITIAL = 1
CONNECTIVITY = 2
SUBNETWORKS = 4
TRAINING = 1
EVALUATION = 2
TABLES = 1


def of_rankings(pruners: Iterable[str]) -> int | dict[str, int | str]:
    """What stands for the code of pruners: the version of each, or the digest of its module if it has none.

    A version that they share stands for all, as it did before each pruner had its own.
    """
    versions = {name: PRUNERS[name].version or of_function(PRUNERS[name].scores) for name in pruners}
    shared, *others = set(versions.values())
    return versions if others or isinstance(shared, str) else shared
