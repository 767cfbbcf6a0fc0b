"""Test accuracy against effective and against direct compression."""

from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effective_sparsity.figures.labels import Label, key, label_ends
from effective_sparsity.figures.layout import Page
from effective_sparsity.figures.statistics import over_seeds
from effective_sparsity.figures.style import (
    DASHED,
    GREY,
    MAGNITUDE_QUOTAS,
    RANDOM_QUOTAS,
    RC,
    SALIENCIES,
    accuracy_axis,
    in_order,
    log_axes,
    look,
    panel_title,
)
from effective_sparsity.figures.tables import PANEL, Tables, of_panel, panels, reduced_text, seeds_text

AT_INITIALISATION = (*SALIENCIES, "random-igq", "random-erk", "random-uniform")

# One network fills the width of a page, several share it in two columns.
_ONE = Page(height=3.2, left=0.65, right=1.7, top=0.45)
_SEVERAL = Page(height=2.1, gap_x=2.15, gap_y=0.7, left=0.65, right=1.7, top=0.45)
_WIDTHS = {1: [4.85], 2: [1.85, 1.85]}

# Accuracies of 0 and 1 are infinitely far away on a logit scale.
_SMALLEST_DISTANCE = 5e-4


def accuracy(pruners: tuple[str, ...], tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """Some pruners compared, one panel per network.

    Args:
        pruners: their names.
        tables: `subnetworks` and `dense`.

    Returns:
        The figure, and its data: one row per point. `criterion` is "effective" (compression is the median
        effective compression of the seeds), "direct" (direct compression) or "dense" (compression 1); then
        the mean accuracy, low and high of its 95 % t interval (empty for a single seed), and the number of
        seeds.
    """
    data = _tabulate(tables, pruners)
    compared = tables["subnetworks"].query("pruner in @pruners")
    note = (
        f"Mean over {seeds_text(data.seeds)}; bands: 95 % t interval. "
        f"{reduced_text(compared if len(compared) else tables['dense'])}"
    )
    with matplotlib.rc_context(RC):
        return _draw(data, note), data


accuracy_at_initialisation = partial(accuracy, AT_INITIALISATION)
accuracy_random_quotas = partial(accuracy, RANDOM_QUOTAS)
accuracy_magnitude_quotas = partial(accuracy, MAGNITUDE_QUOTAS)


def _tabulate(tables: Tables, pruners: tuple[str, ...]) -> pd.DataFrame:
    subnetworks = tables["subnetworks"].query("pruner in @pruners").dropna(subset=["test_accuracy"])
    x = subnetworks.effective_compression.where(
        subnetworks.criterion == "effective", subnetworks.direct_compression
    )
    subnetworks = subnetworks.assign(compression=x)
    subnetworks = subnetworks[np.isfinite(x.astype(float))]
    keys = [*PANEL, "pruner", "criterion", "target_compression"]
    compression = subnetworks.groupby(keys, sort=True).compression.median()
    trained = over_seeds(subnetworks, keys, "test_accuracy").assign(compression=compression.to_numpy())
    dense = over_seeds(tables["dense"], PANEL, "test_accuracy")
    dense = dense.assign(pruner="dense", criterion="dense", compression=1.0, target_compression=1.0)
    data = pd.concat([table for table in (trained, dense) if len(table)] or [trained], ignore_index=True)
    data = data.rename(columns={"mean": "test_accuracy"})
    return data[[*keys, "compression", "test_accuracy", "low", "high", "seeds"]]


def _draw(data: pd.DataFrame, note: str) -> Figure:
    networks = panels(data) or [("", "")]
    columns = min(len(networks), 2)
    rows = -(-len(networks) // columns)
    figure, grid = (_ONE if columns == 1 else _SEVERAL).grid(rows, _WIDTHS[columns], note)
    rows_of_key = [
        ("effective pruning, effective compression", {"color": GREY}),
        ("direct pruning, direct compression", {"color": GREY} | DASHED),
    ]
    key(figure, rows_of_key, location="upper right", columns=2)
    cells = [axes for row in grid for axes in row]
    for axes, panel in zip(cells, networks, strict=False):
        _draw_panel(axes, of_panel(data, panel))
        axes.set(title=panel_title(*panel), xlabel="Compression", ylabel="Test accuracy")
    for axes in cells[len(networks) :]:
        axes.remove()
    return figure


def _draw_panel(axes: Axes, data: pd.DataFrame) -> None:
    subnetworks = data[data.criterion != "dense"]
    log_axes(axes, "x")
    if len(subnetworks):
        axes.set_xlim(subnetworks.compression.min() / 1.15, subnetworks.compression.max() * 1.15)
    if len(data):
        accuracies = _inside(data.test_accuracy)
        odds = accuracies / (1 - accuracies)
        low, high = odds.min() / 1.35, odds.max() * 1.35
        accuracy_axis(axes, low / (1 + low), high / (1 + high))
    labels = _dense_line(axes, data[data.criterion == "dense"])
    for pruner in in_order(subnetworks.pruner):
        of_pruner = subnetworks[subnetworks.pruner == pruner]
        for criterion in ("direct", "effective"):
            _line(axes, of_pruner[of_pruner.criterion == criterion], look(pruner), criterion)
        solid = of_pruner[of_pruner.criterion == "effective"]
        if len(solid):
            end = solid.iloc[-1]
            style = look(pruner)
            labels.append(
                Label(
                    style.label,
                    end.compression,
                    end.test_accuracy,
                    style.marker_style,
                    solid.test_accuracy.mean(),
                )
            )
    label_ends(axes, labels)


def _dense_line(axes: Axes, dense: pd.DataFrame) -> list[Label]:
    labels = []
    for row in dense.itertuples():
        axes.axhline(row.test_accuracy, color=GREY, linewidth=0.8, zorder=1, gid="dense")
        if row.seeds > 1:
            axes.axhspan(_inside(row.low), _inside(row.high), color=GREY, alpha=0.15, linewidth=0, zorder=0.9)
        labels.append(
            Label(
                "Dense", axes.get_xlim()[1], row.test_accuracy, {"color": GREY, "linewidth": 0.8}, order=2.0
            )
        )
    return labels


def _line(axes: Axes, points: pd.DataFrame, style, criterion: str) -> None:
    if points.empty:
        return
    effective = criterion == "effective"
    line = style.marker_style if effective else {"color": style.color} | DASHED
    gid = f"{points.pruner.iloc[0]} {criterion}"
    axes.plot(
        points.compression, _inside(points.test_accuracy), **line, gid=gid, zorder=3 if effective else 2
    )
    if (points.seeds > 1).any():
        low, high = _inside(points.low), _inside(points.high)
        alpha = 0.12 if effective else 0.06
        axes.fill_between(points.compression, low, high, color=style.color, alpha=alpha, linewidth=0)


def _inside(accuracy):
    return np.clip(accuracy, _SMALLEST_DISTANCE, 1 - _SMALLEST_DISTANCE)
