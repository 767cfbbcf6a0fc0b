"""What active and inactive weights are: a small pruned network, drawn as a graph."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures.page import Legend, draw_page, entry
from effective_sparsity.figures.style import GREY, Style, look
from effective_sparsity.figures.tables import Tables

_ACTIVE: Style = {"color": "#0072B2", "linewidth": 1.1}
_INACTIVE: Style = {"color": "#D55E00", "linewidth": 0.9, "linestyle": (0, (2.5, 1.5))}
_NOTE = "Direct pruning of a network of 10, 8, 6 and 4 units, from input (left) to output (right)."


def toy_network(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One panel per pruner.

    Returns:
        The figure, and its data: the table, one row per line.
    """
    data = tables["toy_network"]
    return draw_page(data, _draw, _NOTE, height=2.4), data


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    pruners = list(data.pruner.unique())
    widths = _widths(data)
    for axes, pruner in zip(part.subplots(1, len(pruners), squeeze=False)[0], pruners, strict=True):
        rows = data[data.pruner == pruner]
        _draw_network(axes, rows, widths)
        axes.set_title(f"{look(pruner).label}\n{_compressions(rows)}")
    return [entry("active", **_ACTIVE), entry("kept but inactive", **_INACTIVE)]


def _widths(data: pd.DataFrame) -> list[int]:
    """Units that are drawn for each layer: up to the last that any pruner's weight touches."""
    last = data.groupby("layer")[["source", "target"]].max() + 1
    return [max(pair) for pair in zip([*last.source, 0], [0, *last.target], strict=True)]


def _compressions(rows: pd.DataFrame) -> str:
    n_weights, n_active = rows.n_weights.iloc[0], int(rows.active.sum())
    effective = f"{n_weights / n_active:.1f}" if n_active else "infinite"
    return f"direct compression {n_weights / len(rows):.1f}\neffective compression {effective}"


def _draw_network(axes: Axes, rows: pd.DataFrame, widths: list[int]) -> None:
    height = [np.arange(width) - (width - 1) / 2 for width in widths]
    axes.set(xlim=(-0.1, len(widths) - 0.9), ylim=(-max(widths) / 2, max(widths) / 2))
    axes.set_axis_off()
    for active, style in ((False, _INACTIVE), (True, _ACTIVE)):
        lines = [
            [(row.layer, height[row.layer][row.source]), (row.layer + 1, height[row.layer + 1][row.target])]
            for row in rows[rows.active == active].itertuples()
        ]
        gid = "active" if active else "inactive"
        axes.add_collection(LineCollection(lines, zorder=2 if active else 1.5, gid=gid, **style))
    in_use = rows[rows.active]
    alive = {
        *zip(in_use.layer, in_use.source, strict=True),
        *zip(in_use.layer + 1, in_use.target, strict=True),
    }
    for layer, positions in enumerate(height):
        faces = [_ACTIVE["color"] if (layer, unit) in alive else "white" for unit in range(len(positions))]
        axes.scatter(
            [layer] * len(positions), positions, s=26, c=faces, edgecolors=GREY, linewidths=0.7, zorder=3
        )
