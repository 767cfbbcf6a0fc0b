"""Pages of panels of fixed size in inches, so that text never collides however many networks there are."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effective_sparsity.figures.style import GREY

_NOTE_SIZE = 6.0
_NOTE_LINE = 0.115  # inches
_POINTS = 72


@dataclass(frozen=True)
class Page:
    """Sizes in inches: the height of panels, the gaps between panels, and the margins of the page."""

    height: float
    gap_x: float = 0.25
    gap_y: float = 0.6
    left: float = 0.6
    right: float = 0.15
    top: float = 0.35
    bottom: float = 0.45

    def grid(self, rows: int, widths: Sequence[float], note: str) -> tuple[Figure, list[list[Axes]]]:
        """A figure with rows of panels of the given widths, and a note in small print below them."""
        starts = self.left + np.cumsum([0.0, *(width + self.gap_x for width in widths)])
        width = starts[-1] - self.gap_x + self.right
        lines = textwrap.wrap(note, int((width - 0.2) / (0.56 * _NOTE_SIZE / _POINTS)))
        foot = self.bottom + _NOTE_LINE * len(lines) + 0.05
        height = self.top + rows * self.height + (rows - 1) * self.gap_y + foot
        figure = Figure(figsize=(width, height))
        figure.text(
            0.1 / width,
            0.06 / height,
            "\n".join(lines),
            size=_NOTE_SIZE,
            color=GREY,
            va="bottom",
            linespacing=1.2,
            gid="note",
        )
        bottoms = [height - self.top - (row + 1) * self.height - row * self.gap_y for row in range(rows)]
        return figure, [
            [
                figure.add_axes((x / width, y / height, w / width, self.height / height))
                for x, w in zip(starts, widths, strict=False)
            ]
            for y in bottoms
        ]


def heading(axes: Axes, text: str) -> None:
    """Name a row of panels above the title of its first panel."""
    axes.annotate(
        text, (0, 1), (0, 19), xycoords="axes fraction", textcoords="offset points", size=8.5, weight="bold"
    )


def name_row(cells: Sequence[Axes], text: str, ylabel: str) -> None:
    """Name a row of panels that share the vertical axis of the first."""
    heading(cells[0], text)
    cells[0].set_ylabel(ylabel)
    for axes in cells[1:]:
        axes.tick_params(labelleft=False)


def height_in_points(axes: Axes) -> float:
    """Height of a panel in typographic points."""
    return axes.get_position().height * axes.figure.get_figheight() * _POINTS
