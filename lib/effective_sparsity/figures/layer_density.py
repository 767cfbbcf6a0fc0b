"""Density of every layer under each quota, before and after inactive weights are taken away."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effective_sparsity.figures.labels import Label, key, label_ends
from effective_sparsity.figures.layout import Page, name_row
from effective_sparsity.figures.style import (
    DASHED,
    GREY,
    RANDOM_QUOTAS,
    RC,
    in_order,
    log_axes,
    look,
    panel_title,
    plain_number,
)
from effective_sparsity.figures.tables import (
    PANEL,
    Tables,
    nearest_levels,
    of_panel,
    panels,
    reduced_text,
    seeds_text,
)

# One pruner for each distinct set of quotas: magnitude pruning with a closed-form quota keeps the same counts
# as random pruning with it, global magnitude and LAMP find their own.
QUOTAS = (*RANDOM_QUOTAS, "magnitude-global", "lamp")

# Shown are the levels nearest to these.
_COMPRESSIONS = (10, 100, 1000)

_PAGE = Page(height=2.1, gap_x=0.2, gap_y=1.0, left=0.7, right=1.05, top=0.5)
_WIDTH = 1.7


def layer_density(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """Rows of panels are networks, columns are compressions (direct pruning).

    Args:
        tables: `layers`, and `subnetworks` for the note.

    Returns:
        The figure, and its data: one row per layer with the density kept and the density active, means over
        seeds.
    """
    data = _tabulate(tables["layers"])
    note = f"Direct pruning; mean over {seeds_text(data.seeds)}. {reduced_text(tables['subnetworks'])}"
    with matplotlib.rc_context(RC):
        return _draw(data, note), data


def _tabulate(layers: pd.DataFrame) -> pd.DataFrame:
    rows = layers.query("criterion == 'direct' and pruner in @QUOTAS").dropna(subset=["n_kept"])
    chosen = []
    for panel in panels(rows):
        of_network = of_panel(rows, panel)
        levels = nearest_levels(of_network, _COMPRESSIONS)
        chosen.append(of_network[of_network.target_compression.isin(levels)])
    rows = pd.concat(chosen) if chosen else rows
    rows = rows.assign(kept=rows.n_kept / rows.n_weights, active=rows.n_active / rows.n_weights)
    keys = [*PANEL, "target_compression", "pruner", "layer"]
    # Layers stay in model order, in which the table lists them.
    groups = rows.groupby(keys, sort=False)
    return groups.agg(
        kept=("kept", "mean"), active=("active", "mean"), seeds=("seed", "nunique")
    ).reset_index()


def _draw(data: pd.DataFrame, note: str) -> Figure:
    rows = panels(data) or [("", "")]
    figure, grid = _PAGE.grid(len(rows), [_WIDTH] * len(_COMPRESSIONS), note)
    rows_of_key = [("active", {"color": GREY}), ("kept", {"color": GREY} | DASHED)]
    key(figure, rows_of_key, location="upper right", columns=2)
    for cells, panel in zip(grid, rows, strict=True):
        of_row = of_panel(data, panel)
        levels = np.sort(of_row.target_compression.unique())
        for axes, level in zip(cells, levels, strict=False):
            of_cell = of_row[of_row.target_compression == level]
            _draw_panel(axes, of_cell, of_row)
            axes.set_title(f"Compression {plain_number(level)}")
        for axes in cells[len(levels) :]:
            axes.remove()
        if len(levels):
            name_row(cells[: len(levels)], panel_title(*panel), "Density")
            _label(cells[len(levels) - 1], of_cell)
    return figure


def _draw_panel(axes: Axes, data: pd.DataFrame, of_row: pd.DataFrame) -> None:
    log_axes(axes, "y")
    names = list(dict.fromkeys(of_row.layer))
    positions = {name: i for i, name in enumerate(names)}
    densities = of_row[["kept", "active"]].to_numpy()
    axes.set_ylim(densities[densities > 0].min(initial=0.1) / 1.6, 1.3)
    axes.set_xlim(-0.3, len(names) - 0.7)
    shown = range(len(names)) if len(names) <= 6 else range(0, len(names), 4)
    labels = [names[i].removesuffix(".weight") if len(names) <= 6 else str(i + 1) for i in shown]
    axes.set_xticks(list(shown), labels)
    axes.set_xlabel("Layer")
    for pruner in in_order(data.pruner):
        points = data[data.pruner == pruner]
        style = look(pruner)
        x = points.layer.map(positions)
        axes.plot(x, points.kept.where(points.kept > 0), color=style.color, **DASHED, gid=f"{pruner} kept")
        active = points.active.where(points.active > 0)
        axes.plot(x, active, **style.marker_style, gid=f"{pruner} active", zorder=3)


def _label(axes: Axes, data: pd.DataFrame) -> None:
    last = data.groupby("pruner").last()
    floor = axes.get_ylim()[0]
    labels = []
    for pruner in in_order(data.pruner):
        end = last.active[pruner] or last.kept[pruner] or floor
        style = look(pruner)
        labels.append(Label(style.quota_label, data.layer.nunique() - 1, end, style.marker_style))
    label_ends(axes, labels)
