"""Rows of the tables that several claims look at; all functions expect those of one network."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

# At initialisation, in the paper or beyond it. Controls and pruners of the user's are not judged.
SALIENCIES = ("snip", "snip-iterative", "synflow", "grasp")
QUOTAS = (
    "random-uniform",
    "random-uniform-plus",
    "random-erk",
    "random-snip",
    "random-synflow",
    "random-smart-ratio",
)
IGQ = "random-igq"
AT_INITIALISATION = (*SALIENCIES, *QUOTAS, IGQ)
# Of these a study need not have any: defined for some networks only, or beyond the paper.
OPTIONAL = ("grasp", "random-uniform-plus", "random-smart-ratio", "magnitude-uniform-plus")

# Ranges of target compressions on which verdicts rest, and of those that are reported apart.
PRIMARY = (95.0, 420.0)
SECONDARY = (420.0, 1050.0)
# A level stands for a compression that differs from it by no more than a tenth of a decade.
_NEAR = 0.1


def direct(subnetworks: pd.DataFrame) -> pd.DataFrame:
    """Directly pruned subnetworks that were reached."""
    return subnetworks[(subnetworks.criterion == "direct") & subnetworks.n_kept.notna()]


def within(subnetworks: pd.DataFrame, levels: tuple[float, float]) -> pd.DataFrame:
    """Rows whose target compression lies in a range such as `PRIMARY`."""
    return subnetworks[subnetworks.target_compression.between(*levels)]


def absent_pruners(table: pd.DataFrame, pruners: Iterable[str]) -> str:
    """A text with the pruners that the table lacks; empty if it has all."""
    absent = [pruner for pruner in pruners if pruner not in set(table.pruner)]
    return f"pruner{'s' if len(absent) > 1 else ''} {', '.join(absent)}" if absent else ""


def level_near(subnetworks: pd.DataFrame, compression: float) -> float | None:
    """The target compression nearest to `compression`, or None if there is none nearby."""
    levels = np.sort(subnetworks.target_compression.dropna().unique().astype(float))
    distances = np.abs(np.log10(levels / compression))
    if not len(levels) or distances.min() > _NEAR:
        return None
    return float(levels[distances.argmin()])


def discrepancy(subnetworks: pd.DataFrame) -> pd.Series:
    """Effective over direct compression of each row, kept over active weights.

    A disconnected network counts as if one weight were active: a finite lower bound.
    """
    return subnetworks.n_kept.astype(float) / subnetworks.n_active.astype(float).clip(lower=1)


def by_seed(rows: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """`values` of `rows` by target (rows) and seed (columns), of the seeds that have all targets."""
    table = rows.assign(value=values).pivot_table(index="target_compression", columns="seed", values="value")
    return table.dropna(axis="columns")
