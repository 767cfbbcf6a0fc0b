"""Effective against direct compression: how much more is gone than was pruned."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures.page import Legend, diagonal, draw_page, entry, log_axes, log_limits
from effective_sparsity.figures.seeds import note_on_medians
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import by_family, look
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text


def effective_vs_direct(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One row of panels per network, one column per family of pruners.

    Args:
        tables: `curves` and `subnetworks`.

    Returns:
        The figure, and its data: one row per point with the kind of mark, "curve" (a point of a line through
        a whole ranking), "target" (a pruner with one ranking per target) or "disconnection" (direct
        compression from which on at least half of the seeds have no active weight).
    """
    data = _tabulate(tables)
    note = f"{note_on_medians(data.seeds, 'bands')} {reduced_text(tables['subnetworks'])}"
    return draw_page(data, _draw, note), data


def _tabulate(tables: Tables) -> pd.DataFrame:
    curves, subnetworks = tables["curves"], tables["subnetworks"]
    keys = [*PANEL, "pruner"]
    one_shot = curves[curves.target_compression.isna()].assign(kind="curve")
    direct = subnetworks[subnetworks.criterion == "direct"].assign(kind="target")
    covered = pd.MultiIndex.from_frame(direct[keys]).isin(pd.MultiIndex.from_frame(one_shot[keys]))
    points = pd.concat([one_shot, direct[~covered]], join="inner")
    points = points[np.isfinite(points.direct_compression.astype(float))]  # something was kept
    points = median_over_seeds(points, [*keys, "kind", "direct_compression"], "effective_compression")
    points = points.rename(columns={"median": "effective_compression"})
    ends = points[np.isinf(points.effective_compression)].groupby(keys, as_index=False).first()
    return pd.concat([points, ends.assign(kind="disconnection")], ignore_index=True)


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    families = by_family(data.pruner)
    cells = part.subplots(1, len(families), sharex=True, sharey=True, squeeze=False)[0]
    ends = data[data.kind != "curve"].direct_compression
    x = log_limits(data.direct_compression.min(), ends if len(ends) else data.direct_compression)
    log_axes(
        cells[0],
        x=x,
        y=log_limits(x, data[data.direct_compression <= x[1]].effective_compression, margin=1.4),
    )
    cells[0].set_ylabel("Effective compression")
    legend = [entry("pruner: disconnects at", linestyle="")]
    for axes, (family, pruners) in zip(cells, families.items(), strict=True):
        diagonal(axes)
        axes.set_title(family, pad=9)  # above the marks on the upper edge
        axes.set_xlabel("Direct compression")
        for pruner in pruners:
            end = _draw_pruner(axes, data[data.pruner == pruner], pruner)
            text = f": {float(f'{end:.1e}'):,.0f}" if np.isfinite(end) else ""
            legend.append(entry(f"{look(pruner).label}{text}", **look(pruner).style))
    return legend


def _draw_pruner(axes: Axes, data: pd.DataFrame, pruner: str) -> float:
    """Draw a line, and a mark where it ends; the direct compression there, infinite if it does not."""
    style = look(pruner).style
    points = data[data.kind != "disconnection"]
    connected = points.where(np.isfinite(points.effective_compression))
    x, top = points.direct_compression, axes.get_ylim()[1]
    line = {"color": style["color"]} if (points.kind == "curve").all() else style
    axes.plot(x, connected.effective_compression, **line, gid=pruner)
    # An infinite maximum is a band up to the top of the panel.
    axes.fill_between(
        x, connected.low, connected.high.replace(np.inf, top), color=style["color"], alpha=0.15, lw=0
    )
    ends = data[data.kind == "disconnection"].direct_compression
    if ends.empty:
        return np.inf
    end = ends.iloc[0]
    axes.plot([end], [top], **style, clip_on=False, zorder=4, gid=f"{pruner} disconnects")
    # A dotted line leads from the last connected point to the mark.
    last = points[x < end].tail(1)
    axes.plot(
        [*last.direct_compression, end], [*last.effective_compression, top], ":", color=style["color"], lw=0.8
    )
    return float(end)
