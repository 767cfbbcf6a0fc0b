"""Claims 1 to 3: how far effective compression is from direct compression."""

import numpy as np
import pandas as pd

from effective_sparsity.claims.evidence import Bound, Part
from effective_sparsity.claims.selection import (
    AT_INITIALISATION,
    PRIMARY,
    absent_pruners,
    by_seed,
    direct,
    discrepancy,
    level_near,
    within,
)
from effective_sparsity.figures.tables import Tables

# Two orders of magnitude, the least that the plural allows.
ORDERS_OF_MAGNITUDE = 100
# Factors up to which there is no discrepancy, and up to which it is negligible.
NONE, NEGLIGIBLE = 1.01, 1.1
# Weights kept: enough for a factor to mean something; enough for a share of a per cent to be seen.
ENOUGH, MANY = 100, 1000
THICK, MIDDLE, THIN = 10, 100, 1000


def random_pruning_loses_orders_of_magnitude(tables: Tables) -> list[Part]:
    """Claim 1, from `subnetworks`: a part for each primary level."""
    uniform = direct(tables["subnetworks"])
    uniform = uniform[uniform.pruner == "random-uniform"]
    rows = within(uniform, PRIMARY)
    bound = Bound("at most", 1 / ORDERS_OF_MAGNITUDE)
    parts = []
    for level, of_level in rows.groupby("target_compression"):
        active = of_level.n_active.astype(float) / of_level.n_kept.astype(float)
        quantity = f"active share of the weights that random-uniform keeps at {level:,.0f}"
        parts.append(Part(f"two orders at {level:,.0f}", quantity, "share", bound, tuple(active)))
    missing = absent_pruners(uniform, ["random-uniform"]) or "compressions from 100 to 398"
    return parts or [Part("two orders", "active share of kept weights", "share", bound, missing=missing)]


def synflow_loses_nothing(tables: Tables) -> list[Part]:
    """Claim 2, from `subnetworks` and `layers`: SynFlow's mean factor where enough weights are kept."""
    rows = direct(tables["subnetworks"])
    rows = rows[rows.pruner == "synflow"]
    kept = rows.n_kept.astype(float)
    missing = absent_pruners(rows, ["synflow"])
    n_layers = tables["layers"].layer.nunique()
    many = rows[kept >= MANY]
    inactive = by_seed(many, 1 - many.n_active.astype(float) / many.n_kept.astype(float))
    return [
        Part(
            "no discrepancy",
            f"kept / active weights of synflow, mean over levels that keep at least {ENOUGH}",
            "factor",
            Bound("at most", NONE),
            _mean_factor(rows[kept >= ENOUGH]),
            missing,
        ),
        Part(
            f"at most 1 % inactive while {MANY:,} are kept",
            f"largest inactive share of synflow's weights at levels that keep at least {MANY:,}",
            "share",
            Bound("at most", NONE - 1),
            tuple(inactive.max()) if len(inactive) else (),
            missing,
            primary=False,
        ),
        Part(
            f"no discrepancy below {ENOUGH} weights",
            f"kept / active weights of synflow, mean over levels that keep fewer than {ENOUGH}",
            "factor",
            Bound("at most", NONE),
            _mean_factor(rows[(kept < ENOUGH) & (kept >= n_layers)]),
            missing,
            primary=False,
        ),
    ]


def _mean_factor(rows: pd.DataFrame) -> tuple[float, ...]:
    """Geometric mean over levels, for each seed."""
    logarithms = by_seed(rows, np.log10(discrepancy(rows)))
    return tuple(10 ** logarithms.mean()) if len(logarithms) else ()


def discrepancy_grows_from_nothing(tables: Tables) -> list[Part]:
    """Claim 3, from `subnetworks`: the factor of each pruner at 10 and 100, and its growth to 1,000."""
    rows = direct(tables["subnetworks"])
    rows = rows[rows.pruner.isin(AT_INITIALISATION)]
    thick, middle, thin = (level_near(rows, compression) for compression in (THICK, MIDDLE, THIN))
    parts = [
        Part(
            f"{pruner}: negligible at {compression}",
            f"kept / active weights of {pruner} at compression {compression}",
            "factor",
            Bound("at most", NEGLIGIBLE),
            tuple(discrepancy(of_pruner)),
        )
        for compression, level in ((THICK, thick), (MIDDLE, middle))
        for pruner, of_pruner in rows[rows.target_compression == level].groupby("pruner")
    ]
    growth = Part(
        "grows for thinner subnetworks",
        f"growth of kept / active weights from {THICK} to {THIN:,}, mean over pruners",
        "factor",
        Bound("at least", NEGLIGIBLE),
        _growth(rows, thick, thin),
        "" if thick and middle and thin else f"compressions near {THICK}, {MIDDLE} and {THIN:,}",
    )
    return [*parts, growth]


def _growth(rows: pd.DataFrame, thick: float | None, thin: float | None) -> tuple[float, ...]:
    """Geometric mean over pruners, for each seed that has all of them."""
    table = rows.assign(log=np.log10(discrepancy(rows))).pivot_table(
        index="seed", columns=["target_compression", "pruner"], values="log"
    )
    if not {thick, thin} <= set(table.columns.get_level_values(0)):
        return ()
    return tuple(10 ** (table[thin] - table[thick]).dropna().mean(axis="columns"))
