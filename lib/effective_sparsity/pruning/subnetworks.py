"""Subnetworks of a ranking at all levels, and their counts."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from effective_sparsity.pruning.ranking import Criterion, Ranking, as_compression

if TYPE_CHECKING:  # training jobs start without it
    import pandas as pd

Masks = dict[str, np.ndarray]

CURVE_POINTS = 200
LAYER_COLUMNS = ["layer", "n_weights", "n_kept", "n_active", "inactive_share", "live_inputs", "live_outputs"]


@dataclass(frozen=True)
class Subnetwork:
    """What is left at one level: boolean masks of the kept and of the active weights, by parameter name."""

    kept: Masks
    active: Masks


def subnetwork(ranking: Ranking, criterion: Criterion, compression: float) -> Subnetwork | None:
    """The subnetwork of `ranking` at a target compression; None if the ranking does not reach it."""
    threshold = ranking.threshold(criterion, compression)
    if threshold is None:
        return None
    return Subnetwork(ranking.kept(threshold), ranking.active(threshold))


def layer_counts(subnetwork: Subnetwork | None, over_live: Masks | None = None) -> pd.DataFrame:
    """One row per layer; no rows for None.

    Columns: layer (the parameter's name), n_weights, n_kept, n_active; inactive_share, of the weights kept,
    to six decimals (NaN where none is); live_inputs and live_outputs, the units (features or channels) that
    an active weight of the layer reads and feeds. Live outputs of the last layer are the classes whose logits
    depend on the input.

    Args:
        over_live: the active weights if paths begin at live inputs alone, to be counted in one more column,
            n_active_live.
    """
    import pandas as pd

    rows = [
        (
            name,
            kept.size,
            n_kept := int(kept.sum()),
            n_active := int(active.sum()),
            round(1 - n_active / n_kept, 6) if n_kept else nan,
            int(active.any(axis=(0, *range(2, active.ndim))).sum()),
            int(active.any(axis=tuple(range(1, active.ndim))).sum()),
        )
        for name, kept, active in _layers(subnetwork)
    ]
    table = pd.DataFrame(rows, columns=LAYER_COLUMNS)
    if over_live is not None:
        table["n_active_live"] = [int(active.sum()) for active in over_live.values()]
    return table


def _layers(subnetwork: Subnetwork | None) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, kept and active weights of each layer."""
    if subnetwork is None:
        return []
    return [(name, kept, subnetwork.active[name]) for name, kept in subnetwork.kept.items()]


def curve(ranking: Ranking, n_points: int = CURVE_POINTS, over_live: Ranking | None = None) -> pd.DataFrame:
    """Effective against direct compression of the whole ranking, at log-spaced counts of kept weights.

    Columns n_kept, n_active, direct_compression, effective_compression (infinite where nothing is active);
    n_points rows, fewer where rounded counts coincide, from N kept weights to 1.

    Args:
        over_live: the same ranking if paths begin at live inputs alone, for one more column,
            effective_compression_live.
    """
    import pandas as pd

    n_weights = ranking.n_weights
    n_kept = np.unique(np.rint(np.geomspace(n_weights, 1, n_points)).astype(int))[::-1]
    n_active = [ranking.n_active(n_weights - kept + 1) for kept in n_kept]
    table = pd.DataFrame(
        {
            "n_kept": n_kept,
            "n_active": n_active,
            "direct_compression": n_weights / n_kept,
            "effective_compression": [as_compression(n_weights, active) for active in n_active],
        }
    )
    if over_live:
        table["effective_compression_live"] = [
            as_compression(n_weights, over_live.n_active(n_weights - kept + 1)) for kept in n_kept
        ]
    return table
