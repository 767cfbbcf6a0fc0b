"""Claims 6 and 7: which pruner is better at equal effective compression.

Two pruners are compared at the target compressions that effective pruning reached with both, in all seeds, to
within 10 %. A level counts if the better of the two has at least half of the dense network's accuracy: where
neither learns, there is nothing to compare, and such levels would dilute a difference. The quantity is the
difference of their accuracies, averaged over the levels, pair by pair: a seed has the same initial weights
and order of the data for all pruners.
"""

import pandas as pd

from effective_sparsity.claims.evidence import Bound, Part
from effective_sparsity.claims.selection import lacking, on_target
from effective_sparsity.figures.tables import Tables

_MIN_LEVELS = 3

# "As well as" means: worse by less than this, in percentage points of accuracy.
MARGIN = 1.0

_AT_INITIALISATION = ("snip", "snip-iterative", "synflow")
_BEYOND_THE_PAPER = ("grasp",)
_RANDOM = ("random-uniform", "random-erk", "random-snip", "random-synflow")
_RANDOM_WHERE_DEFINED = ("random-uniform-plus", "random-smart-ratio")
_MAGNITUDE = ("magnitude-global", "lamp", "magnitude-uniform", "magnitude-erk")
_MAGNITUDE_WHERE_DEFINED = ("magnitude-uniform-plus",)


def random_pruning_is_as_good_as_saliency(tables: Tables) -> list[Part]:
    """Claim 6, from `subnetworks` and `dense`.

    The quotas are fixed to the paper's own: to choose the best of several afterwards would favour the claim.
    """
    others = (*_AT_INITIALISATION, *_present(tables, _BEYOND_THE_PAPER))
    return [advantage(tables, "random-igq", other, Bound("at least", -MARGIN)) for other in others]


def igq_is_the_best_quota(tables: Tables) -> list[Part]:
    """Claim 7, from `subnetworks` and `dense`: better for random pruning, as good for magnitude pruning."""
    quotas = (*_RANDOM, *_present(tables, _RANDOM_WHERE_DEFINED))
    magnitudes = (*_MAGNITUDE, *_present(tables, _MAGNITUDE_WHERE_DEFINED))
    return [
        *(advantage(tables, "random-igq", other, Bound("at least", 0)) for other in quotas),
        *(advantage(tables, "magnitude-igq", other, Bound("at least", -MARGIN)) for other in magnitudes),
    ]


def _present(tables: Tables, pruners: tuple[str, ...]) -> list[str]:
    return [pruner for pruner in pruners if pruner in set(tables["subnetworks"].pruner)]


def advantage(tables: Tables, pruner: str, other: str, bound: Bound) -> Part:
    """By how many percentage points `pruner` is more accurate than `other`, for each seed."""
    rows = tables["subnetworks"]
    rows = rows[
        (rows.criterion == "effective") & rows.pruner.isin([pruner, other]) & rows.test_accuracy.notna()
    ]
    rows = rows[on_target(rows)]
    missing = lacking(tables["subnetworks"], [pruner, other])
    quantity = f"test accuracy of {pruner} minus that of {other}"
    if missing or not {pruner, other} <= set(rows.pruner):
        return Part(
            quantity, "points", bound, missing=missing or "levels that effective pruning reaches with both"
        )
    differences = _differences(rows, pruner, other, tables["dense"].test_accuracy.mean())
    n_levels = len(differences)
    if n_levels < _MIN_LEVELS:
        missing = (
            f"{_MIN_LEVELS} compressions at which {pruner} and {other} can be compared (there are {n_levels})"
        )
        return Part(quantity, "points", bound, missing=missing)
    return Part(f"{quantity}, mean over {n_levels} compressions", "points", bound, tuple(differences.mean()))


def _differences(rows: pd.DataFrame, pruner: str, other: str, dense: float) -> pd.DataFrame:
    """Percentage points by which `pruner` is better; target compressions by seeds."""
    table = rows.pivot_table(index="target_compression", columns=["pruner", "seed"], values="test_accuracy")
    first, second = table[pruner], table[other]
    seeds = [seed for seed in first if seed in second]
    first, second = first[seeds], second[seeds]
    better = pd.concat([first.mean(axis=1), second.mean(axis=1)], axis=1).max(axis=1)
    return (100 * (first - second))[better >= dense / 2].dropna()
