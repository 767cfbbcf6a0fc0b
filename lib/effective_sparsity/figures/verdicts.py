"""What was measured for every claim, against the bound that decides it."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import PercentFormatter

from effective_sparsity.figures.page import Legend, draw_page, entry, log_axes, log_limits
from effective_sparsity.figures.style import FAINT, GREY
from effective_sparsity.figures.tables import Tables, reduced_text, seeds_text, with_blanks

COLORS = {"confirmed": "#0072B2", "refuted": "#D55E00", "undecided": GREY, "not enough data": FAINT}

_UNITS = {"factor": "Factor", "points": "Percentage points", "share": "Share", "tau": "Kendall's tau"}
# Which way the values lie that keep a bound.
_ARROWS = {"at least": 9, "at most": 8}  # matplotlib's CARETRIGHTBASE and CARETLEFTBASE

_LINE = 0.125  # inches that a line of text takes
_CHARACTERS = 58


def verdicts(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """A forest plot for each network, with a panel for each unit of measurement.

    Returns:
        The figure, and its data: the rows of the table that could be measured.
    """
    data = with_blanks(tables["measurements"].dropna(subset=["value"]))
    note = (
        "Values with their intervals, corrected for the parts that are decided together; hollow for "
        "secondary parts. A triangle is a bound, and points to where the claim holds. Parts that were not "
        "measured are left out. "
        f"{seeds_text(data.seeds[data.seeds > 0])}. {reduced_text(data)}"
    )
    return draw_page(data, _draw, note, _height), data


def _units(data: pd.DataFrame) -> list[str]:
    return [unit for unit in _UNITS if (data.unit == unit).any()]


def _labels(data: pd.DataFrame) -> list[str]:
    """What is claimed in each row, after the number of its claim."""
    texts = [f"{row.claim}  {row.label}" for row in data.itertuples()]
    return [textwrap.fill(text, _CHARACTERS, break_on_hyphens=False) for text in texts]


def _lines(data: pd.DataFrame) -> int:
    """Lines of text that the labels of these measurements take."""
    return sum(label.count("\n") + 1 for label in _labels(data))


def _height(data: pd.DataFrame) -> float:
    return 0.5 + 0.5 * len(_units(data)) + _LINE * 1.25 * _lines(data)


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    units = _units(data)
    heights = [_lines(data[data.unit == unit]) + 1 for unit in units]
    cells = part.subplots(len(units), height_ratios=heights, squeeze=False)[:, 0]
    for axes, unit in zip(cells, units, strict=True):
        _draw_unit(axes, data[data.unit == unit], unit)
    found = [verdict for verdict in COLORS if (data.verdict == verdict).any()]
    marks = [entry(verdict, marker="o", color=COLORS[verdict]) for verdict in found]
    return [*marks, entry("bound", linestyle="", marker=9, color="black")]


def _draw_unit(axes: Axes, data: pd.DataFrame, unit: str) -> None:
    labels = _labels(data)
    # Each measurement is as high as its label.
    lines = np.array([label.count("\n") + 1 for label in labels], float)
    heights = lines.cumsum() - lines / 2
    axes.set_ylim(max(lines.sum(), 1) + 0.2, -0.2)
    axes.set_yticks(heights, labels)
    axes.set_xlabel(_UNITS[unit])
    numbers = data[["value", "low", "high", "bound"]].to_numpy(float)
    if unit == "factor":
        log_axes(axes, x=log_limits(numbers))
    else:
        if unit == "share":
            axes.xaxis.set_major_formatter(PercentFormatter(1))
        finite = numbers[np.isfinite(numbers)]
        low, high = min(finite.min(initial=0), 0), max(finite.max(initial=0), 0)
        margin = 0.05 * (high - low or 1)
        axes.set_xlim(low - margin, high + margin)
    axes.axvline(1 if unit == "factor" else 0, color=FAINT, linewidth=0.8, zorder=1)
    left, right = axes.get_xlim()
    for row, y in zip(data.itertuples(), heights, strict=True):
        color = COLORS[row.verdict]
        if not np.isnan(row.low):
            axes.hlines(y, *np.clip([row.low, row.high], left, right), color=color, linewidth=1.4)
        face = color if row.role == "primary" else "white"
        value = np.clip(row.value, left, right)
        axes.plot(value, y, marker="o", color=color, markerfacecolor=face, clip_on=False, gid="value")
        axes.plot(
            row.bound, y, marker=_ARROWS[row.side], color="black", markersize=4, zorder=1.8, gid="bound"
        )
