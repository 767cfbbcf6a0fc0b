"""Labels beside the lines that they name."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory
from scipy.optimize import isotonic_regression

from effective_sparsity.figures.layout import height_in_points
from effective_sparsity.figures.style import FAINT

_SIZE = 6.5


@dataclass(frozen=True)
class Label:
    """Text for the line that ends at (x, y) in data coordinates, with the look of that line.

    Lines that end at the same height are named in descending order of `order`.
    """

    text: str
    x: float
    y: float
    style: dict
    order: float = 0.0


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> np.ndarray:
    """Move positions as little as possible (least squares) until they are `gap` apart, keeping their order.

    Args:
        positions: ascending.
        gap: wanted distance; made smaller if there is no room for it between `low` and `high`.

    Returns:
        Ascending positions from `low` to `high`.
    """
    positions = np.asarray(positions, float)
    if positions.size == 0:
        return positions
    if len(positions) > 1:
        gap = min(gap, (high - low) / (len(positions) - 1))
    offsets = gap * np.arange(len(positions))
    # Without the gaps, positions need only rise.
    values = isotonic_regression(positions - offsets).x
    return np.clip(values, low, high - offsets[-1]) + offsets


def label_ends(axes: Axes, labels: Sequence[Label]) -> None:
    """Name lines to the right of a panel, each as near as possible to the height at which it ends.

    Call it when scales and limits of the axes are final.
    """
    if not labels:
        return
    height = height_in_points(axes)
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [to_axes.transform((label.x, label.y)) for label in labels]
    ranking = sorted(range(len(labels)), key=lambda i: (round(ends[i][1], 3), labels[i].order))
    wanted = [float(np.clip(ends[i][1], 0, 1)) for i in ranking]
    places = spread(wanted, 1.35 * _SIZE / height, 0.02, 0.98)
    points = blended_transform_factory(axes.transAxes, axes.transAxes)
    unit = 1 / (axes.get_position().width * axes.figure.get_figwidth())  # an inch in axes coordinates
    for i, place in zip(ranking, places, strict=True):
        label, (x, y) = labels[i], ends[i]
        axes.plot(
            [x, 1 + 0.06 * unit, 1 + 0.12 * unit],
            [y, place, place],
            color=FAINT,
            linewidth=0.5,
            transform=points,
            clip_on=False,
            zorder=0.5,
        )
        swatch = Line2D(
            [1 + 0.14 * unit, 1 + 0.22 * unit, 1 + 0.30 * unit],
            [place] * 3,
            markevery=[1],
            transform=points,
            clip_on=False,
            **label.style,
        )
        axes.add_artist(swatch)
        axes.text(1 + 0.35 * unit, place, label.text, transform=points, size=_SIZE, va="center_baseline")


def key(
    target: Axes | Figure,
    rows: Sequence[tuple[str, dict]],
    location: str,
    title: str = "",
    columns: int = 1,
) -> None:
    """List what lines and markers mean, in a panel or on the page.

    `location` is the corner of the panel or page, as in matplotlib's `legend`.
    """
    handles = [Line2D([], [], **style) for _, style in rows]
    legend = target.legend(
        handles,
        [text for text, _ in rows],
        loc=location,
        ncols=columns,
        fontsize=_SIZE,
        title=title or None,
        title_fontsize=_SIZE,
        alignment="left",
        frameon=False,
        handlelength=2.2,
        labelspacing=0.3,
        borderaxespad=0.3,
        borderpad=0.1,
    )
    legend.set_zorder(5)
