"""Effective compression of random pruning: predicted by mean field, and measured."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures.page import (
    Legend,
    diagonal,
    draw_page,
    entry,
    log_axes,
    log_limits,
    pruner_entries,
)
from effective_sparsity.figures.seeds import note_on_medians
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import GREY, RANDOM_QUOTAS, in_order, look
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.mean_field import expected_effective_compression

_LEVEL = [*PANEL, "pruner", "target_compression"]


def mean_field(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One panel per fully-connected network.

    Returns:
        The figure, and its data: one row per quota and level of direct pruning, with the direct compression,
        the effective compression measured (median, low = minimum and high = maximum over seeds; infinite if
        nothing is active) and predicted from the densities of the layers.
    """
    data = _tabulate(tables["layers"])
    shown = tables["subnetworks"].merge(data[PANEL].drop_duplicates(), on=PANEL)
    note = f"{note_on_medians(data, 'bars')} {reduced_text(shown)}"
    return draw_page(data, _draw, note, height=3.0, empty="No fully-connected network"), data


def _tabulate(layers: pd.DataFrame) -> pd.DataFrame:
    connected = [name for name, network in NETWORKS.items() if not network.convolutional]
    rows = layers[(layers.criterion == "direct") & layers.pruner.isin(RANDOM_QUOTAS)]
    rows = rows[rows.architecture.isin(connected)].dropna(subset=["n_kept"])
    counts = rows.groupby([*_LEVEL, "seed"], as_index=False)[["n_weights", "n_kept", "n_active"]].sum()
    counts = counts.astype(dict.fromkeys(["n_weights", "n_kept", "n_active"], float))
    counts["effective_compression"] = counts.n_weights / counts.n_active
    counts["direct_compression"] = counts.n_weights / counts.n_kept
    data = median_over_seeds(counts, _LEVEL, "effective_compression").rename(columns={"median": "measured"})
    data["direct_compression"] = counts.groupby(_LEVEL).direct_compression.median().to_numpy()
    predicted = {level: _predict(level[0], of_level) for level, of_level in rows.groupby(_LEVEL)}
    data["predicted"] = [predicted[level] for level in data[_LEVEL].itertuples(index=False, name=None)]
    return data.astype({"predicted": float, "direct_compression": float})


def _predict(architecture: str, rows: pd.DataFrame) -> float:
    # Layers stay in model order, in which the table lists them.
    layers = rows.groupby("layer", sort=False)[["n_weights", "n_kept"]].mean()
    widths = [math.prod(NETWORKS[architecture].input_shape)]
    for n_weights in layers.n_weights:
        widths.append(round(n_weights / widths[-1]))
    return expected_effective_compression(widths, list(layers.n_kept / layers.n_weights))


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    axes = part.subplots()
    connected = data[np.isfinite(data.measured)]
    x = log_limits((connected if len(connected) else data).direct_compression, margin=1.6)
    log_axes(axes, x=x, y=log_limits(x[0], connected.measured, connected.low, margin=1.6))
    top = axes.get_ylim()[1]
    axes.set(xlabel="Direct compression", ylabel="Effective compression")
    diagonal(axes)
    pruners = in_order(data.pruner)
    for pruner in pruners:
        style = look(pruner).style
        points, measured = data[data.pruner == pruner], connected[connected.pruner == pruner]
        finite = points[np.isfinite(points.predicted)]
        axes.plot(
            finite.direct_compression, finite.predicted, color=style["color"], gid=f"{pruner} predicted"
        )
        axes.plot(
            measured.direct_compression, measured.measured, **style, linestyle="", gid=f"{pruner} measured"
        )
        bars = (measured.low, measured.high.clip(upper=top))
        axes.vlines(measured.direct_compression, *bars, color=style["color"], linewidth=0.7)
    key = [entry("predicted", color=GREY), entry("measured", color=GREY, marker="o", linestyle="")]
    return [*pruner_entries(pruners), *key]
