"""Effective against direct compression: how much more is gone than was pruned."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effective_sparsity.figures.labels import key
from effective_sparsity.figures.layout import Page, name_row
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import FAINT, RC, by_family, in_order, log_axes, look, panel_title
from effective_sparsity.figures.tables import PANEL, Tables, of_panel, panels, reduced_text, seeds_text

_PAGE = Page(height=2.1, gap_x=0.3, gap_y=1.0, left=0.7, top=0.5)
_WIDTH = 1.92


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
    with matplotlib.rc_context(RC):
        return _draw(data, _note(data, tables)), data


def _tabulate(tables: Tables) -> pd.DataFrame:
    curves = tables["curves"]
    one_shot = curves[curves.target_compression.isna()].assign(kind="curve")
    covered = set(zip(one_shot.architecture, one_shot.dataset, one_shot.pruner, strict=True))
    direct = tables["subnetworks"].query("criterion == 'direct'").assign(kind="target")
    is_covered = [
        row in covered for row in zip(direct.architecture, direct.dataset, direct.pruner, strict=True)
    ]
    points = pd.concat([one_shot, direct[np.logical_not(is_covered)]], join="inner")
    points = median_over_seeds(
        points, [*PANEL, "pruner", "kind", "direct_compression"], "effective_compression"
    )
    points = points.rename(columns={"median": "effective_compression"})
    ends = points[np.isinf(points.effective_compression)].groupby([*PANEL, "pruner"], as_index=False).first()
    return pd.concat([points, ends.assign(kind="disconnection")], ignore_index=True)


def _note(data: pd.DataFrame, tables: Tables) -> str:
    reduced = reduced_text(tables["subnetworks"])
    return f"Median over {seeds_text(data.seeds)}, band from minimum to maximum. {reduced}"


def _draw(data: pd.DataFrame, note: str) -> Figure:
    rows = panels(data) or [("", "")]
    families = by_family(data.pruner) or {"": []}
    figure, grid = _PAGE.grid(len(rows), [_WIDTH] * len(families), note)
    for cells, panel in zip(grid, rows, strict=True):
        of_row = of_panel(data, panel)
        for axes, (family, pruners) in zip(cells, families.items(), strict=True):
            _set_up(axes, of_row)
            _draw_panel(axes, of_row, pruners)
            axes.set(title=family, xlabel="Direct compression")
        name_row(cells, panel_title(*panel), "Effective compression")
    return figure


def _set_up(axes: Axes, data: pd.DataFrame) -> None:
    log_axes(axes)
    ends = data[data.kind != "curve"].direct_compression
    finite = data[np.isfinite(data.effective_compression)]
    right = 1.6 * max(ends.max() if len(ends) else data.direct_compression.max(), 10) if len(data) else 10
    left = min(data.direct_compression.min(), 10) if len(data) else 1
    shown = finite[finite.direct_compression <= right].effective_compression
    axes.set(xlim=(left, right), ylim=(left, 1.6 * max(shown.max(), right) if len(shown) else right))
    axes.plot([left, right], [left, right], color=FAINT, linewidth=0.8, zorder=1, gid="diagonal")


def _draw_panel(axes: Axes, data: pd.DataFrame, pruners: list[str]) -> None:
    entries = []
    for pruner in in_order(set(pruners) & set(data.pruner)):
        style = look(pruner)
        points = data[(data.pruner == pruner) & (data.kind != "disconnection")]
        connected = points.where(np.isfinite(points.effective_compression))
        is_curve = (points.kind == "curve").all()
        marks = style.marker_style if not is_curve else {"color": style.color}
        x = points.direct_compression
        axes.plot(x, connected.effective_compression, **marks, gid=pruner)
        # An infinite maximum is a band up to the top of the panel.
        top = connected.high.replace(np.inf, axes.get_ylim()[1])
        axes.fill_between(x, connected.low, top, color=style.color, alpha=0.15, linewidth=0)
        end = data[(data.pruner == pruner) & (data.kind == "disconnection")].direct_compression
        axes.plot(
            end,
            np.ones(len(end)),
            linestyle="",
            **style.marker_style,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            zorder=4,
            gid=f"{pruner} disconnects",
        )
        # A dotted line leads from the last connected point to the mark.
        last = points[points.direct_compression < end.min()].tail(1)
        axes.plot(
            [*last.direct_compression, *end],
            [*last.effective_compression, *([axes.get_ylim()[1]] * len(end))],
            color=style.color,
            linestyle=":",
            linewidth=0.8,
        )
        limit = end.iloc[0] if len(end) else np.inf
        text = f"{style.quota_label}, {_two_digits(limit)}" if len(end) else style.quota_label
        entries.append((limit, text, style.marker_style))
    entries.sort(key=lambda entry: entry[0])
    if entries:
        # Nothing is ever below the diagonal.
        key(
            axes,
            [(text, style) for _, text, style in entries],
            location="lower right",
            title="disconnected from",
        )


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.1e}'):,.0f}"
