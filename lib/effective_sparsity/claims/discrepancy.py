"""Claims 1 to 3: how far effective compression is from direct compression."""

import numpy as np
import pandas as pd

from effective_sparsity.claims.evidence import Bound, Part
from effective_sparsity.claims.selection import direct, discrepancy, lacking, level_near
from effective_sparsity.figures.tables import Tables

# One of each family, so that "pruning" does not mean a single method.
_FAMILIES = ("random-uniform", "magnitude-global", "snip")
_THICK, _THIN = 10.0, 1000.0


def random_pruning_loses_orders_of_magnitude(tables: Tables) -> list[Part]:
    """Claim 1, from `curves`: the largest factor at any compression at which something is still active.

    Disconnected subnetworks, whose factor is infinite, are left out: the claim must hold without them.
    """
    curves = tables["curves"]
    curves = curves[curves.pruner == "random-uniform"]
    connected = curves[np.isfinite(curves.effective_compression.astype(float))]
    factor = (connected.effective_compression / connected.direct_compression).groupby(connected.seed).max()
    return [
        Part(
            "largest effective / direct compression of random-uniform",
            "factor",
            Bound("at least", 100, refuted=10),
            tuple(factor),
            lacking(connected, ["random-uniform"]),
        )
    ]


def synflow_loses_nothing(tables: Tables) -> list[Part]:
    """Claim 2, from `subnetworks` and `layers`: SynFlow's largest factor over all levels of direct pruning.

    Levels at which fewer weights are kept than there are layers are left out: no pruner connects those.
    """
    rows = direct(tables["subnetworks"])
    rows = rows[(rows.pruner == "synflow") & (rows.n_kept >= tables["layers"].layer.nunique())]
    factor = discrepancy(rows).groupby(rows.seed).max()
    return [
        Part(
            "largest effective / direct compression of synflow",
            "factor",
            Bound("at most", 1.01, refuted=1.1),
            tuple(factor),
            lacking(rows, ["synflow"]),
        )
    ]


def discrepancy_grows_from_nothing(tables: Tables) -> list[Part]:
    """Claim 3, from `subnetworks`: the factor at compression 10, and its growth to compression 1,000.

    In the growth, a subnetwork without any active weight counts as if it had one: a lower bound.
    """
    rows = direct(tables["subnetworks"])
    thick, thin = (level_near(rows, compression) for compression in (_THICK, _THIN))
    missing = lacking(rows, _FAMILIES)
    at_thick = rows[rows.target_compression == thick]
    largest = discrepancy(at_thick).groupby(at_thick.seed).max()
    return [
        Part(
            f"largest effective / direct compression over pruners at compression {_THICK:g}",
            "factor",
            Bound("at most", 1.1, refuted=2),
            tuple(largest),
            missing or ("" if thick else f"a compression near {_THICK:g}"),
        ),
        Part(
            f"growth of effective / direct compression from {_THICK:g} to {_THIN:,g}, mean over pruners",
            "factor",
            Bound("at least", 1.1, refuted=1.01),
            tuple(_growth(rows, thick, thin)),
            missing or ("" if thick and thin else f"compressions near {_THICK:g} and {_THIN:,g}"),
        ),
    ]


def _growth(rows: pd.DataFrame, thick: float | None, thin: float | None) -> pd.Series:
    bounded = discrepancy(rows.assign(n_active=rows.n_active.astype(float).clip(lower=1)))
    table = rows.assign(log=np.log10(bounded)).pivot_table(
        index=["seed", "pruner"], columns="target_compression", values="log"
    )
    if thick not in table or thin not in table:
        return pd.Series(dtype=float)
    growth = (table[thin] - table[thick]).dropna()
    return 10 ** growth.groupby("seed").mean()
