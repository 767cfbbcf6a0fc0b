"""Many seeds in one panel: each as a dot, their mean as a marker, its interval as a bar."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from effective_sparsity.figures.style import Style
from effective_sparsity.figures.tables import seeds_text

# Fewer seeds are shown as they are: the t interval of three is 4.3 standard errors wide on each side.
ENOUGH = 5
# The dots of more seeds would be a smear, and most of the figure's bytes.
MOST_DOTS = 40


def note_on_medians(counts: pd.Series, marks: str = "") -> str:
    """What is drawn, given how many seeds there are behind each median; `marks` show their range."""
    if counts.empty or counts.max() < 2:
        return f"{seeds_text(counts)}."
    return f"Median over {seeds_text(counts)}{f', {marks} from minimum to maximum' if marks else ''}."


def note_on_means(counts: pd.Series) -> str:
    """What is drawn, given how many seeds there are behind each mean."""
    most = 0 if counts.empty else counts.max()
    if most < 2:
        return f"{seeds_text(counts)}."
    bars = f"; bars: 95 % t interval of the mean, from {ENOUGH} seeds on" if most >= ENOUGH else ""
    dots = "; dots: each seed" if most <= MOST_DOTS else ""
    return f"Mean over {seeds_text(counts)}{dots}{bars}."


def dodge(levels: pd.Series, n: int, width: float) -> np.ndarray:
    """Factors that set `n` pruners side by side, within `width` of the way between two logarithmic levels."""
    steps = np.diff(np.log(np.sort(levels.unique())))
    return np.exp(width * steps.min(initial=np.log(2)) * ((np.arange(n) + 0.5) / n - 0.5))


def draw_seeds(axes: Axes, seeds: pd.Series, x: pd.Series, y: pd.Series, color: str) -> None:
    """A small dot for each seed, if they are not too many."""
    if seeds.nunique() > MOST_DOTS:
        return
    style: Style = {"color": color, "alpha": 0.5, "markeredgewidth": 0, "zorder": 1.5}
    axes.plot(x, y, linestyle="", marker="o", markersize=1.6, gid="seeds", **style)


def draw_means(axes: Axes, points: pd.DataFrame, x: str, y: str, gid: str, style: Style) -> None:
    """A line through means, with a bar for each interval (columns low and high) of enough seeds."""
    axes.plot(points[x], points[y], **style, gid=gid, zorder=3)
    many = points[points.seeds >= ENOUGH]
    axes.vlines(many[x], many.low, many.high, color=style["color"], linewidth=0.7, zorder=2.5)
