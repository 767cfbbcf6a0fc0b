"""Effective against direct compression: how much more is gone than was pruned."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures.page import Legend, diagonal, draw_page, entry, log_axes, log_limits
from effective_sparsity.figures.seeds import note_on_medians
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import GREY, Style, by_family, look
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text

_LIVE = "effective_compression_live"
_OVER_LIVE: Style = {"linestyle": "-.", "linewidth": 0.8}


def effective_vs_direct(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One row of panels per network, one column per family of pruners.

    Returns:
        The figure, and its data: one row per point with the kind of mark, "curve" (a point of a line through
        a whole ranking), "target" (a pruner with one ranking per target), "disconnection" (direct
        compression from which on at least half of the seeds have no active weight), or "live" (a point of
        either kind over live inputs, if the study counts over them).
    """
    data = _tabulate(tables)
    note = f"{note_on_medians(data, 'bands')} {reduced_text(tables['subnetworks'])}"
    if (data.kind == "live").any():
        note = f"Dash-dotted: paths begin at live inputs alone. {note}"
    return draw_page(data, _draw, note), data


def _tabulate(tables: Tables) -> pd.DataFrame:
    curves, subnetworks = tables["curves"], tables["subnetworks"]
    keys = [*PANEL, "pruner"]
    one_shot = curves[curves.target_compression.isna()].assign(kind="curve")
    direct = subnetworks[subnetworks.criterion == "direct"].assign(kind="target")
    covered = pd.MultiIndex.from_frame(direct[keys]).isin(pd.MultiIndex.from_frame(one_shot[keys]))
    points = pd.concat([one_shot, direct[~covered]], join="inner")
    points = points[np.isfinite(points.direct_compression.astype(float))]  # something was kept
    by = [*keys, "kind", "direct_compression"]
    live = []
    if _LIVE in points:
        live = [_medians(points.assign(kind="live"), by, _LIVE)]
    points = _medians(points, by, "effective_compression")
    ends = points[np.isinf(points.effective_compression)].groupby(keys, as_index=False).first()
    return pd.concat([points, ends.assign(kind="disconnection"), *live], ignore_index=True)


def _medians(points: pd.DataFrame, by: list[str], column: str) -> pd.DataFrame:
    return median_over_seeds(points, by, column).rename(columns={"median": "effective_compression"})


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    families = by_family(data.pruner)
    cells = part.subplots(1, len(families), sharex=True, sharey=True, squeeze=False)[0]
    ends = data[data.kind.isin(["target", "disconnection"])].direct_compression
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
    if (data.kind == "live").any():
        legend.append(entry("over live inputs", color=GREY, **_OVER_LIVE))
    return legend


def _draw_pruner(axes: Axes, data: pd.DataFrame, pruner: str) -> float:
    """Draw a line, and a mark where it ends; the direct compression there, infinite if it does not."""
    style = look(pruner).style
    points = data[data.kind.isin(["curve", "target"])]
    connected = points.where(np.isfinite(points.effective_compression))
    x, top = points.direct_compression, axes.get_ylim()[1]
    line = {"color": style["color"]} if (points.kind == "curve").all() else style
    axes.plot(x, connected.effective_compression, **line, gid=pruner)
    # An infinite maximum is a band up to the top of the panel.
    axes.fill_between(
        x, connected.low, connected.high.replace(np.inf, top), color=style["color"], alpha=0.15, lw=0
    )
    live = data[(data.kind == "live") & np.isfinite(data.effective_compression)]
    if len(live):
        x_live, y_live = live.direct_compression, live.effective_compression
        axes.plot(x_live, y_live, color=style["color"], gid=f"{pruner} over live inputs", **_OVER_LIVE)
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
