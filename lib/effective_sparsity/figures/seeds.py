"""Many seeds in one panel: each as a dot, their mean as a marker, its interval as a bar."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from effective_sparsity.figures.statistics import over_seeds
from effective_sparsity.figures.style import Style, look
from effective_sparsity.figures.tables import seeds_text

# Fewer seeds are shown as they are: the t interval of three is 4.3 standard errors wide on each side.
ENOUGH = 5
# The dots of more seeds would be a smear, and most of the figure's bytes.
MOST_DOTS = 40


def note_on_medians(data: pd.DataFrame, marks: str = "") -> str:
    """What is drawn of `statistics.median_over_seeds`; `marks` show the range."""
    if not (data.seeds > 1).any():
        return f"{seeds_text(data.seeds)}."
    return f"Median over {seeds_text(data.seeds)}{f', {marks} from minimum to maximum' if marks else ''}."


def note_on_means(data: pd.DataFrame) -> str:
    """What is drawn of `with_seeds`."""
    counts = data.seeds.dropna()
    if not (counts > 1).any():
        return f"{seeds_text(counts)}."
    most = counts.max()
    bars = f"; bars: 95 % t interval of the mean, from {ENOUGH} seeds on" if most >= ENOUGH else ""
    dots = "; dots: each seed" if most <= MOST_DOTS else ""
    return f"Mean over {seeds_text(counts)}{dots}{bars}."


def with_seeds(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Means of `value` over the seeds of each group of rows with equal `keys`, and the seeds behind them.

    Returns:
        Rows without `seed` are means, with low and high of their 95 % t interval (empty for a single seed)
        and the number of seeds (see `over_seeds`). The others are the rows of groups that show their seeds.
    """
    means = over_seeds(rows, keys, value).rename(columns={"mean": value})
    shown = rows[rows.groupby(keys).seed.transform("size").between(2, MOST_DOTS)]
    return pd.concat([means, shown], ignore_index=True)


def dodge(levels: pd.Series, pruners: Sequence[str], width: float) -> dict[str, float]:
    """Factors that set pruners side by side, within `width` of the way between two logarithmic levels."""
    steps = np.diff(np.log(np.sort(levels.unique())))
    places = (np.arange(len(pruners)) + 0.5) / len(pruners) - 0.5
    return dict(zip(pruners, np.exp(width * steps.min(initial=np.log(2)) * places), strict=True))


def draw_seeds(axes: Axes, dots: pd.DataFrame, y: str, color: str) -> None:
    """A small dot for each seed, if there are any and not too many."""
    if not 0 < dots.seed.nunique() <= MOST_DOTS:
        return
    style: Style = {"color": color, "alpha": 0.5, "markeredgewidth": 0, "zorder": 1.5}
    axes.plot(dots.x, dots[y], linestyle="", marker="o", markersize=1.6, gid="seeds", **style)


def draw_pruners(
    axes: Axes, data: pd.DataFrame, pruners: Sequence[str], y: str, suffix: str = "", **line: Any
) -> None:
    """Draw the means of each pruner as a line with bars for their intervals, and its seeds as dots.

    Args:
        data: see `with_seeds`; with the columns `x` and `y`.
        suffix: of the lines' ids, after the name of the pruner.
        line: how its lines differ from the pruner's style.
    """
    for pruner in pruners:
        points, style = data[data.pruner == pruner], look(pruner).style | line
        means, dots = points[points.seed.isna()], points[points.seed.notna()]
        draw_seeds(axes, dots, y, style["color"])
        axes.plot(means.x, means[y], **style, gid=f"{pruner}{suffix}", zorder=3)
        many = means[means.seeds >= ENOUGH]
        axes.vlines(many.x, many.low, many.high, color=style["color"], linewidth=0.7, zorder=2.5)
