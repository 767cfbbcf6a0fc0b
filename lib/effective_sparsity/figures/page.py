"""Pages of panels: a row for each network, its legend to the right, a note in small print below all."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullLocator
from numpy.typing import ArrayLike

from effective_sparsity.figures.style import FAINT, GREY, RC, look, panel_title, plain_number
from effective_sparsity.figures.tables import panel_rows, panels

Legend = list[Line2D]

_WIDTH = 7.2  # inches
_NOTE_LINE = 0.115  # inches
_NOTE_CHARACTERS = 160

# Accuracies are drawn on a logit scale, which keeps apart both 97 % from 98 % and 10 % from 12 %.
_ACCURACIES = np.array([0.1, 0.2, 0.5, 1, 2, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9]) / 100


def draw_page(
    data: pd.DataFrame,
    draw: Callable[[SubFigure, pd.DataFrame], Legend],
    note: str,
    height: float | Callable[[pd.DataFrame], float] = 2.6,
    empty: str = "No data",
) -> Figure:
    """The one loop over panels: every figure consists of rows of them.

    Args:
        data: what to draw. Each network gets a row of panels, a table without networks a single one.
        draw: draws the data of a row into its part of the page; returns what the legend of the row lists.
        note: small print below all rows.
        height: inches of each row, or the function of its data that tells them.
        empty: the heading of a page without panels, drawn if there are no data.
    """
    networks = panels(data) if "architecture" in data else []
    rows = {panel_title(*panel): panel_rows(data, panel) for panel in networks}
    rows = rows or {empty if data.empty else "": data}
    if data.empty:
        height, note = 0.3, ""
    heights = [height(of_row) if callable(height) else height for of_row in rows.values()]
    lines = textwrap.wrap(note, _NOTE_CHARACTERS)
    with matplotlib.rc_context(RC):
        layout = ConstrainedLayoutEngine()
        size = (_WIDTH, sum(heights) + _NOTE_LINE * len(lines) + 0.1)
        figure = Figure(figsize=size, layout=layout)
        parts = figure.subfigures(len(rows), height_ratios=heights, squeeze=False)[:, 0]
        for part, (heading, of_row) in zip(parts, rows.items(), strict=True):
            part.suptitle(heading, x=0.01, ha="left")
            if len(of_row) and (handles := draw(part, of_row)):
                part.legend(handles=handles, loc="outside right upper")
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", size=6, color=GREY, gid="note")
        if len(data):
            layout.execute(figure)  # once, not for each format in which the figure is saved
        figure.set_layout_engine("none")
        # What was drawn before in the same process changes the last digits of a layout.
        for axes in figure.axes:
            axes.set_position(np.round(axes.get_position().bounds, 4).tolist())
    return figure


def entry(label: str, **style: Any) -> Line2D:
    """A line of a legend."""
    return Line2D([], [], label=label, **style)


def pruner_entries(pruners: Sequence[str]) -> Legend:
    """The lines of a legend that name pruners."""
    return [entry(look(pruner).label, **look(pruner).style) for pruner in pruners]


def log_limits(*values: ArrayLike, margin: float = 1.2) -> tuple[float, float]:
    """Limits of a logarithmic axis for the values that are positive and finite, if there are any.

    They are at least a decade apart, so that one power of ten is among them and the axis has a number.
    """
    numbers = np.concatenate([np.ravel(np.asarray(v, float)) for v in values])
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    if not len(numbers):
        return 1.0, 10.0
    low, high = numbers.min() / margin, numbers.max() * margin
    widen = max(np.sqrt(10 * low / high), 1.0)
    return float(low / widen), float(high * widen)


def log_axes(axes: Axes, **limits: tuple[float, float]) -> None:
    """Make the axes "x" or "y" logarithmic between these limits, with numbers at powers of ten."""
    for letter, between in limits.items():
        axes.set(**{f"{letter}scale": "log", f"{letter}lim": between})
        axis = getattr(axes, f"{letter}axis")
        axis.set_major_formatter(FuncFormatter(_short_number))
        # Within two decades, also at 2 and 5.
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if between[1] < 100 * between[0] else (1,)))
        axis.set_minor_locator(NullLocator())  # drawing hundreds of little ticks takes longer than all else


def _short_number(value: float, _position: int) -> str:
    """0.01, 10, 100, 1k, 10k: short enough for narrow panels."""
    return plain_number(value) if value < 1 else EngFormatter(sep="").format_eng(float(f"{value:.3g}"))


def inside(accuracies: ArrayLike) -> np.ndarray:
    """Accuracies moved off 0 and 1, which a logit scale does not have."""
    return np.clip(np.asarray(accuracies, float), _ACCURACIES[0], _ACCURACIES[-1])


def accuracy_axis(axes: Axes, accuracies: ArrayLike) -> None:
    """Logit scale for accuracies (fractions), from the tick below the least to the one above the largest."""
    values = inside(accuracies)
    values = values[np.isfinite(values)] if np.isfinite(values).any() else np.array([0.1, 0.9])
    low = _ACCURACIES[values.min() > _ACCURACIES].max(initial=_ACCURACIES[0])
    high = _ACCURACIES[values.max() < _ACCURACIES].min(initial=_ACCURACIES[-1])
    axes.set_yscale("logit", nonpositive="clip")
    axes.set_yticks(_ACCURACIES[(low <= _ACCURACIES) & (high >= _ACCURACIES)])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda a, _: f"{100 * a:.4g} %"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low / 1.1, 1 - (1 - high) / 1.1)


def diagonal(axes: Axes) -> None:
    """The line on which the axes are equal."""
    axes.axline((1, 1), (10, 10), color=FAINT, linewidth=0.8, zorder=1, gid="diagonal")
