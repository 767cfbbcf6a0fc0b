"""What pruning and retraining cost, in seconds."""

import matplotlib
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effective_sparsity.figures.labels import key
from effective_sparsity.figures.layout import Page
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import RC, in_order, log_axes, look, panel_title
from effective_sparsity.figures.tables import PANEL, Tables, of_panel, panels, reduced_text, seeds_text

_PAGE = Page(height=2.6, gap_y=0.7, left=1.5, right=0.3, top=0.5)
_WIDTH = 4.6

STAGES = {
    "subnetworks": ("subnetworks at all levels", {"color": "#009E73", "marker": "o"}),
    "rank": ("scores from gradients", {"color": "#0072B2", "marker": "s"}),
    "retrain": ("retraining", {"color": "#D55E00", "marker": "^"}),
}


def costs(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One panel per network, one line per pruner.

    Args:
        tables: `costs`, and `subnetworks` for the note.

    Returns:
        The figure, and its data: wall-clock seconds of each stage of a pruner for all levels and both
        criteria of one seed; median, minimum (low) and maximum (high) over seeds. A stage that all pruners
        share has no place in it.
    """
    rows = tables["costs"].query("stage in @STAGES").dropna(subset=["seconds", "pruner"])
    rows = rows.assign(seconds=rows.seconds.astype(float).clip(lower=0.01))
    data = median_over_seeds(rows, [*PANEL, "pruner", "stage"], "seconds").rename(
        columns={"median": "seconds"}
    )
    shared = tables["costs"].query("stage == 'retrain' and pruner.isna()")
    note = (
        f"All levels and both criteria of a seed together; median over {seeds_text(data.seeds)}, bars from "
        "minimum to maximum. The jobs ran side by side, each with the start of its process. "
        f"{'Retraining is not shown: a job trains all pruners. ' if len(shared) else ''}"
        f"{reduced_text(tables['subnetworks'])}"
    )
    with matplotlib.rc_context(RC):
        return _draw(rows, note), data


def _draw(rows: pd.DataFrame, note: str) -> Figure:
    networks = panels(rows) or [("", "")]
    figure, grid = _PAGE.grid(len(networks), [_WIDTH], note)
    drawn = [STAGES[stage] for stage in STAGES if (rows.stage == stage).any()]
    key(
        figure,
        [(text, style | {"linestyle": ""}) for text, style in drawn],
        location="upper right",
        columns=3,
    )
    for (axes,), panel in zip(grid, networks, strict=True):
        _draw_panel(axes, of_panel(rows, panel))
        axes.set(title=panel_title(*panel) if panel[0] else "No run times", xlabel="Seconds")
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    pruners = in_order(rows.pruner)
    log_axes(axes, "x")
    for stage, (_, style) in STAGES.items():
        seaborn.pointplot(
            rows[rows.stage == stage],
            x="seconds",
            y="pruner",
            order=pruners,
            estimator="median",
            errorbar=("pi", 100),  # from minimum to maximum
            err_kws={"linewidth": 0.7},
            linestyle="",
            markersize=3.5,
            **style,
            ax=axes,
        )
    if len(rows):
        axes.set_xlim(rows.seconds.min() / 1.5, rows.seconds.max() * 1.5)
    axes.set_ylim(max(len(pruners), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(pruners)), [look(pruner).label for pruner in pruners])
    axes.set_ylabel("")
