"""Claim 4: what changes when pruners are compared at equal effective instead of equal direct compression.

At each target compression the direct frame has the directly pruned subnetworks of all pruners, the effective
frame the effectively pruned ones.
"""

import numpy as np
import pandas as pd

from effective_sparsity.claims.evidence import MIN_SEEDS, Bound, Part
from effective_sparsity.claims.selection import AT_INITIALISATION, PRIMARY, SECONDARY, within
from effective_sparsity.figures.statistics import jackknife
from effective_sparsity.figures.tables import Tables

MIN_PRUNERS, MIN_LEVELS = 5, 2
# In percentage points of accuracy, and in units of Kendall's tau.
ACCURACY, ORDER = 1.0, 0.1
_CONTRAST = ("snip", "synflow")
_FRAMES = ["direct", "effective"]


def frames_disagree(tables: Tables) -> list[Part]:
    """Claim 4, from `subnetworks`: accuracies, the order of the pruners, and SNIP against SynFlow."""
    rows = tables["subnetworks"]
    primary = _both_frames(within(rows, PRIMARY))
    thinner = _both_frames(within(rows, (PRIMARY[0], SECONDARY[1])))
    missing = _missing(primary)
    contrast = primary[primary.index.get_level_values("pruner").isin(_CONTRAST)]
    has_both = contrast.index.get_level_values("pruner").nunique() == len(_CONTRAST)
    return [
        Part(
            "accuracy changes",
            "test accuracy of effective minus direct pruning, mean over pruners and compressions",
            "points",
            Bound("at least", ACCURACY),
            _gain(primary),
            missing,
        ),
        Part(
            "order changes",
            "Kendall's tau within minus between the frames, between different seeds",
            "tau",
            Bound("at least", ORDER),
            _drops(thinner),
            missing,
        ),
        Part(
            "SNIP against SynFlow changes",
            "test accuracy of snip minus synflow, effective minus direct pruning, mean over compressions",
            "points",
            Bound("at least", ACCURACY),
            _gain_of_first(contrast) if has_both else (),
            missing or ("" if has_both else "pruners snip and synflow in both frames"),
        ),
    ]


def _both_frames(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracies in per cent by (target, pruner), columns (criterion, seed); seeds that have all of them."""
    rows = rows[rows.test_accuracy.notna() & rows.pruner.isin(AT_INITIALISATION)]
    table = 100 * rows.pivot_table(
        index=["target_compression", "pruner"], columns=["criterion", "seed"], values="test_accuracy"
    )
    if not set(_FRAMES) <= set(rows.criterion):
        return table.iloc[:0]
    for frame in _FRAMES:
        table = table.dropna(how="all", subset=[(frame, seed) for seed in table[frame]])
    table = table.dropna(axis="columns")
    if not set(_FRAMES) <= set(table.columns.get_level_values(0)):
        return table.iloc[:0]
    shared = [seed for seed in table["direct"] if seed in table["effective"]]
    return table[[(frame, seed) for frame in _FRAMES for seed in shared]] if shared else table.iloc[:0]


def _missing(accuracy: pd.DataFrame) -> str:
    n_pruners = accuracy.groupby("target_compression").size()
    if (n_pruners >= MIN_PRUNERS).sum() >= MIN_LEVELS:
        return ""
    return f"{MIN_LEVELS} primary compressions with {MIN_PRUNERS} pruners trained in both frames"


def _gain(accuracy: pd.DataFrame) -> tuple[float, ...]:
    return tuple((accuracy["effective"] - accuracy["direct"]).mean()) if len(accuracy) else ()


def _gain_of_first(contrast: pd.DataFrame) -> tuple[float, ...]:
    """For each seed, by how much more the first pruner of the contrast gains."""
    gain = (contrast["effective"] - contrast["direct"]).groupby("pruner").mean()
    return tuple(gain.loc[_CONTRAST[0]] - gain.loc[_CONTRAST[1]])


def _drops(accuracy: pd.DataFrame) -> tuple[float, ...]:
    """One value per seed of tau within minus tau between the frames, mean over levels."""
    if accuracy.empty or len(seeds := list(accuracy["direct"])) < MIN_SEEDS:
        return ()
    taus = [kendall_taus(level.to_numpy().T) for _, level in accuracy.groupby("target_compression")]
    n = len(seeds)

    def drop(chosen: list[int]) -> float:
        direct, effective = np.array(chosen), np.array(chosen) + n
        different = ~np.eye(len(chosen), dtype=bool)
        drops = [
            (
                np.nanmean(tau[np.ix_(direct, direct)][different])
                + np.nanmean(tau[np.ix_(effective, effective)][different])
            )
            / 2
            - np.nanmean(tau[np.ix_(direct, effective)][different])
            for tau in taus
        ]
        return float(np.mean(drops))

    return tuple(jackknife(drop, list(range(n))))


def kendall_taus(values: np.ndarray) -> np.ndarray:
    """Kendall's tau-b between all rows; 0 where a row is constant, since it has no order.

    Args:
        values: rows to compare, such as networks, by columns, such as pruners.
    """
    signs = np.sign(values[:, :, None] - values[:, None, :]).reshape(len(values), -1)
    untied = np.sqrt((signs**2).sum(axis=1))
    return signs @ signs.T / np.maximum(np.outer(untied, untied), 1)
