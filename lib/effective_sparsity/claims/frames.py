"""Claim 4: what changes when pruners are compared at equal effective instead of equal direct compression.

At each target compression, the direct frame has the directly pruned subnetworks of all pruners, the effective
frame the effectively pruned ones. Accuracies differ between seeds, too, so each change is taken relative to
the change from seed to seed within the effective frame. (Two seeds share the difference between them, so the
values of different seeds are not quite independent and their interval is approximate.)
"""

import numpy as np
import pandas as pd
from scipy import stats

from effective_sparsity.claims.evidence import Bound, Part
from effective_sparsity.figures.tables import Tables

# Below this compression the two frames are nearly the same for everyone (claim 3).
_FROM = 100.0
_MIN_PRUNERS = 5
_MIN_LEVELS = 3
# In percentage points of accuracy, and in units of Kendall's tau.
_ACCURACY, _ORDER = 1.0, 0.1


def frames_disagree(tables: Tables) -> list[Part]:
    """Claim 4, from `subnetworks`: change of accuracies, and of the order of the pruners."""
    accuracy = _complete(tables["subnetworks"])
    accuracy = accuracy.groupby("target_compression").filter(lambda level: len(level) >= _MIN_PRUNERS)
    n_levels = accuracy.index.get_level_values("target_compression").nunique()
    missing = (
        ""
        if n_levels >= _MIN_LEVELS
        else f"{_MIN_LEVELS} compressions of {_FROM:g} or more with {_MIN_PRUNERS} pruners that were trained "
        f"in both frames with all seeds (there are {n_levels})"
    )
    seeds = list(accuracy["direct"]) if n_levels else []
    # What noise alone does needs a second seed to be seen.
    seeds = seeds if len(seeds) > 1 else []
    return [
        Part(
            f"change of test accuracy between frames from compression {_FROM:g}, mean over pruners, beyond "
            "that between seeds",
            "points",
            Bound("at least", _ACCURACY),
            [_change(accuracy, seed) for seed in seeds],
            missing,
        ),
        Part(
            f"drop of Kendall's tau between frames from compression {_FROM:g}, below that between seeds",
            "tau",
            Bound("at least", _ORDER),
            [drop for seed in seeds if np.isfinite(drop := _drop(accuracy, seed))],
            missing,
        ),
    ]


def _complete(subnetworks: pd.DataFrame) -> pd.DataFrame:
    """Accuracy by (target, pruner), columns (criterion, seed), where both frames and all seeds are there."""
    rows = subnetworks[(subnetworks.target_compression >= _FROM) & subnetworks.test_accuracy.notna()]
    rows = rows[rows.criterion.isin(["direct", "effective"])]
    table = rows.pivot_table(
        index=["target_compression", "pruner"], columns=["criterion", "seed"], values="test_accuracy"
    )
    if not {"direct", "effective"} <= set(rows.criterion):
        return table.iloc[:0]
    shared = [seed for seed in table["direct"] if seed in table["effective"]]
    return table.loc[:, [(frame, seed) for frame in ("direct", "effective") for seed in shared]].dropna()


def _change(accuracy: pd.DataFrame, seed: int) -> float:
    effective = accuracy["effective"]
    between_frames = (accuracy["direct"][seed] - effective[seed]).abs().mean()
    between_seeds = effective.drop(columns=seed).sub(effective[seed], axis=0).abs().to_numpy().mean()
    return 100 * (between_frames - between_seeds)


def _drop(accuracy: pd.DataFrame, seed: int) -> float:
    """NaN if at no level there is an order, all pruners being equal."""
    drops = []
    for _, level in accuracy.groupby("target_compression"):
        effective = level["effective"]
        between_frames = _tau(level["direct"][seed], effective[seed])
        between_seeds = np.mean(
            [_tau(effective[other], effective[seed]) for other in effective if other != seed]
        )
        drops.append(between_seeds - between_frames)
    drops = np.array(drops)
    return float(drops[np.isfinite(drops)].mean()) if np.isfinite(drops).any() else np.nan


def _tau(first: pd.Series, second: pd.Series) -> float:
    return stats.kendalltau(first, second).statistic
