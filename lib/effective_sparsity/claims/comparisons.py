"""Claims 6 and 7: which pruner is better at equal effective compression.

Two pruners are compared seed by seed, at the levels of a range that effective pruning reached with both to
within 10 %. The quantity is the difference of their accuracies, mean over the levels.
"""

import pandas as pd

from effective_sparsity.claims.evidence import Bound, Part
from effective_sparsity.claims.selection import (
    IGQ,
    OPTIONAL,
    PRIMARY,
    QUOTAS,
    SALIENCIES,
    SECONDARY,
    absent_pruners,
    by_seed,
    within,
)
from effective_sparsity.figures.tables import Tables, on_target

# "As well as" means: worse by less than this, in percentage points of accuracy.
MARGIN = 1.0
AS_GOOD, BETTER = Bound("at least", -MARGIN), Bound("at least", 0.0)

_MAGNITUDE = ("magnitude-global", "lamp", "magnitude-uniform", "magnitude-uniform-plus", "magnitude-erk")


def random_pruning_is_as_good_as_saliency(tables: Tables) -> list[Part]:
    """Claim 6, from `subnetworks`.

    The quotas are fixed to the paper's own: to choose the best of several afterwards would favour the claim.
    """
    return [
        *_advantages(tables, IGQ, SALIENCIES, AS_GOOD),
        *_advantages(tables, IGQ, SALIENCIES, AS_GOOD, thin=True),
    ]


def igq_is_the_best_quota(tables: Tables) -> list[Part]:
    """Claim 7, from `subnetworks`: better for random pruning, as good for magnitude pruning."""
    return [
        *_advantages(tables, IGQ, QUOTAS, BETTER),
        *_advantages(tables, "magnitude-igq", _MAGNITUDE, AS_GOOD),
        *_advantages(tables, IGQ, QUOTAS, AS_GOOD, primary=False),
        *_advantages(tables, IGQ, QUOTAS, BETTER, thin=True),
        *_advantages(tables, "magnitude-igq", _MAGNITUDE, AS_GOOD, thin=True),
    ]


def _advantages(
    tables: Tables,
    pruner: str,
    others: tuple[str, ...],
    bound: Bound,
    thin: bool = False,
    primary: bool = True,
) -> list[Part]:
    """A part for each other pruner; without the optional ones that the study cannot compare."""
    parts = {other: _advantage(tables, pruner, other, bound, thin, primary) for other in others}
    return [part for other, part in parts.items() if not (part.missing and other in OPTIONAL)]


def _advantage(tables: Tables, pruner: str, other: str, bound: Bound, thin: bool, primary: bool) -> Part:
    """By how many percentage points `pruner` is more accurate than `other`, for each seed."""
    rows = tables["subnetworks"]
    rows = rows[(rows.criterion == "effective") & rows.pruner.isin([pruner, other]) & on_target(rows)]
    rows = within(rows[rows.test_accuracy.notna()], SECONDARY if thin else PRIMARY)
    differences = _differences(rows, pruner, other)
    missing = absent_pruners(tables["subnetworks"], [pruner, other])
    if not missing and differences.empty:
        missing = f"{'secondary' if thin else 'primary'} compressions that both {pruner} and {other} reach"
    levels = f"{len(differences)} {'thin ' if thin else ''}compressions"
    name = f"{'as good as' if bound.value < 0 else 'better than'} {other}{' when thin' if thin else ''}"
    quantity = f"test accuracy of {pruner} minus that of {other}, mean over {levels}"
    values = tuple(differences.mean()) if len(differences) else ()
    return Part(name, quantity, "points", bound, values, missing, primary=primary and not thin)


def _differences(rows: pd.DataFrame, pruner: str, other: str) -> pd.DataFrame:
    """Percentage points by which `pruner` is better; target compressions by seeds that have all of them."""
    first, second = (rows[rows.pruner == name] for name in (pruner, other))
    levels = set(first.target_compression) & set(second.target_compression)
    tables = [by_seed(t[t.target_compression.isin(levels)], 100 * t.test_accuracy) for t in (first, second)]
    return (tables[0] - tables[1]).dropna(axis="columns")
