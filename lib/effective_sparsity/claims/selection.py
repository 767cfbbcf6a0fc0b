"""Rows of the tables that several claims look at; all functions expect those of one network."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

# A level stands for a compression that differs from it by no more than a tenth of a decade.
_NEAR = 0.1
# The part of a target compression by which a hit may miss it.
HIT = 0.1


def direct(subnetworks: pd.DataFrame) -> pd.DataFrame:
    """Directly pruned subnetworks that were reached."""
    return subnetworks[(subnetworks.criterion == "direct") & subnetworks.n_kept.notna()]


def lacking(table: pd.DataFrame, pruners: Iterable[str]) -> str:
    """Names those of `pruners` that the table has not; empty if it has all."""
    absent = [pruner for pruner in pruners if pruner not in set(table.pruner)]
    return f"pruner{'s' if len(absent) > 1 else ''} {', '.join(absent)}" if absent else ""


def level_near(subnetworks: pd.DataFrame, compression: float) -> float | None:
    """The target compression nearest to `compression`, or None if there is none nearby."""
    levels = np.sort(subnetworks.target_compression.dropna().unique().astype(float))
    distances = np.abs(np.log10(levels / compression))
    if not len(levels) or distances.min() > _NEAR:
        return None
    return float(levels[distances.argmin()])


def on_target(subnetworks: pd.DataFrame) -> pd.Series:
    """Whether the effective compression of each row is within `HIT` of its target."""
    miss = (subnetworks.effective_compression.astype(float) / subnetworks.target_compression - 1).abs()
    return miss <= HIT


def discrepancy(subnetworks: pd.DataFrame) -> pd.Series:
    """Effective over direct compression of each row: kept over active weights; infinite if none is active."""
    kept, active = subnetworks.n_kept.astype(float), subnetworks.n_active.astype(float)
    return kept / active
