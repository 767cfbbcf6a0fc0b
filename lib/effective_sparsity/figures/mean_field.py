"""Effective compression of random pruning: predicted by mean field, and measured."""

import math

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effective_sparsity.figures.labels import Label, key, label_ends
from effective_sparsity.figures.layout import Page
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import (
    FAINT,
    GREY,
    RANDOM_QUOTAS,
    RC,
    in_order,
    log_axes,
    look,
    panel_title,
)
from effective_sparsity.figures.tables import PANEL, Tables, of_panel, panels, reduced_text, seeds_text
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.mean_field import expected_effective_compression

_PAGE = Page(height=3.0, gap_x=1.0, gap_y=0.7, left=0.7, right=1.2, top=0.45)
_WIDTH = 3.6
_LEVEL = [*PANEL, "pruner", "target_compression"]


def mean_field(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One panel per fully-connected network.

    Args:
        tables: `layers`, and `subnetworks` for the note.

    Returns:
        The figure, and its data: one row per quota and level of direct pruning, with the direct compression,
        the effective compression measured (median, low = minimum and high = maximum over seeds; infinite if
        nothing is active) and predicted from the densities of the layers.
    """
    data = _tabulate(tables["layers"])
    shown = tables["subnetworks"].merge(data[PANEL].drop_duplicates(), on=PANEL)
    note = f"Median over {seeds_text(data.seeds)}, bars from minimum to maximum. {reduced_text(shown)}"
    with matplotlib.rc_context(RC):
        return _draw(data, note), data


def _tabulate(layers: pd.DataFrame) -> pd.DataFrame:
    connected = [name for name, network in NETWORKS.items() if not network.convolutional]
    rows = layers[(layers.criterion == "direct") & layers.pruner.isin(RANDOM_QUOTAS)]
    rows = rows[rows.architecture.isin(connected)].dropna(subset=["n_kept"])
    seeds = rows.groupby([*_LEVEL, "seed"], as_index=False)[["n_weights", "n_kept", "n_active"]].sum()
    with np.errstate(divide="ignore"):
        seeds["effective_compression"] = seeds.n_weights.astype(float) / seeds.n_active.astype(float)
        seeds["direct_compression"] = seeds.n_weights.astype(float) / seeds.n_kept.astype(float)
    data = median_over_seeds(seeds, _LEVEL, "effective_compression").rename(columns={"median": "measured"})
    data["direct_compression"] = seeds.groupby(_LEVEL).direct_compression.median().to_numpy()
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


def _draw(data: pd.DataFrame, note: str) -> Figure:
    networks = panels(data) or [("", "")]
    figure, grid = _PAGE.grid(len(networks), [_WIDTH], note)
    rows = [("predicted", {"color": GREY}), ("measured", {"color": GREY, "marker": "o", "linestyle": ""})]
    key(figure, rows, location="upper right", columns=2)
    for (axes,), panel in zip(grid, networks, strict=True):
        _draw_panel(axes, of_panel(data, panel))
        axes.set(xlabel="Direct compression", ylabel="Effective compression")
        axes.set_title(panel_title(*panel) if panel[0] else "No fully-connected network")
    return figure


def _draw_panel(axes: Axes, data: pd.DataFrame) -> None:
    log_axes(axes)
    finite = data.measured[np.isfinite(data.measured)]
    if len(data):
        left, right = data.direct_compression.min() / 1.15, data.direct_compression.max() * 1.15
        axes.set(xlim=(left, right), ylim=(left, 3 * max(finite.max() if len(finite) else right, right)))
        axes.plot([left, right], [left, right], color=FAINT, linewidth=0.8, zorder=1, gid="diagonal")
    top = axes.get_ylim()[1]
    labels = []
    for pruner in in_order(data.pruner):
        style = look(pruner)
        points = data[data.pruner == pruner]
        shown = points[points.predicted <= top]
        axes.plot(shown.direct_compression, shown.predicted, color=style.color, gid=f"{pruner} predicted")
        measured = points[np.isfinite(points.measured)]
        spread = [measured.measured - measured.low, measured.high.clip(upper=top) - measured.measured]
        axes.errorbar(
            measured.direct_compression,
            measured.measured,
            yerr=spread,
            **style.marker_style | {"linestyle": ""},
            elinewidth=0.7,
            gid=f"{pruner} measured",
        )
        if len(shown):
            end = shown.iloc[-1]
            labels.append(Label(style.quota_label, end.direct_compression, end.predicted, style.marker_style))
    label_ends(axes, labels)
