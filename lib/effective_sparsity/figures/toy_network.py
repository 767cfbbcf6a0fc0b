"""What active and inactive weights are: a small pruned network, drawn as a graph."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from effective_sparsity.figures.labels import key
from effective_sparsity.figures.layout import Page
from effective_sparsity.figures.style import GREY, RC, look
from effective_sparsity.figures.tables import Tables

_PAGE = Page(height=1.9, gap_x=0.25, left=0.15, right=0.15, top=0.6, bottom=0.25)
_WIDTH = 2.1

_ACTIVE = {"color": "#0072B2", "linewidth": 1.1}
_INACTIVE = {"color": "#D55E00", "linewidth": 0.9, "linestyle": (0, (2.5, 1.5))}
_NOTE = "Direct pruning of a network of 10, 8, 6 and 4 units, from input (left) to output (right)."


def toy_network(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One panel per pruner.

    Args:
        tables: `toy_network`.

    Returns:
        The figure, and its data: the table, one row per line.
    """
    data = tables["toy_network"]
    with matplotlib.rc_context(RC):
        return _draw(data), data


def _draw(data: pd.DataFrame) -> Figure:
    pruners = list(data.pruner.unique())
    figure, (cells,) = _PAGE.grid(1, [_WIDTH] * max(len(pruners), 1), _NOTE)
    rows = [("active", _ACTIVE), ("kept but inactive", _INACTIVE)]
    key(figure, rows, location="upper right", columns=2)
    widths = _widths(data)
    for axes, pruner in zip(cells, pruners, strict=False):
        _draw_network(axes, data[data.pruner == pruner], widths)
        axes.set_title(f"{look(pruner).label}\n{_compressions(data[data.pruner == pruner])}")
    return figure


def _widths(data: pd.DataFrame) -> list[int]:
    """Units that are drawn for each layer: up to the last that any pruner's weight touches."""
    layers = range(int(data.layer.max()) + 1) if len(data) else ()
    sources = [int(data[data.layer == layer].source.max()) + 1 for layer in layers]
    targets = [int(data[data.layer == layer].target.max()) + 1 for layer in layers]
    return [max(pair) for pair in zip([*sources, 0], [0, *targets], strict=True)]


def _compressions(rows: pd.DataFrame) -> str:
    n_weights, n_active = rows.n_weights.iloc[0], int(rows.active.sum())
    effective = f"{n_weights / n_active:.1f}" if n_active else "infinite"
    return f"compression: direct {n_weights / len(rows):.1f}, effective {effective}"


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
            np.full(len(positions), layer),
            positions,
            s=26,
            c=faces,
            edgecolors=GREY,
            linewidths=0.7,
            zorder=3,
        )
