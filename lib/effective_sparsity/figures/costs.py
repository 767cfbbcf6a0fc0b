"""What pruning and retraining cost, in seconds."""

import pandas as pd
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures.page import Legend, draw_page, entry, log_axes, log_limits
from effective_sparsity.figures.seeds import note_on_medians
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import in_order, look
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text

STAGES = {
    "subnetworks": "subnetworks at all levels",
    "rank": "scores from gradients",
    "retrain": "retraining",
}
COLORS = {"subnetworks": "#009E73", "rank": "#0072B2", "retrain": "#D55E00"}
MARKERS = {"subnetworks": "o", "rank": "s", "retrain": "^"}
# Where one job trains the subnetworks of all pruners, its time belongs to none of them.
ALL_PRUNERS = "All pruners in one job"


def costs(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One panel per network, one line per pruner.

    Returns:
        The figure, and its data: wall-clock seconds of each stage of a pruner for all levels and both
        criteria of one seed; median, minimum (low) and maximum (high) over seeds.
    """
    rows = tables["costs"].query("stage in @STAGES").dropna(subset=["seconds"])
    pruner = rows.pruner.astype(object).where(rows.pruner.notna(), ALL_PRUNERS)
    rows = rows.assign(seconds=rows.seconds.astype(float).clip(lower=0.01), pruner=pruner)
    data = median_over_seeds(rows, [*PANEL, "pruner", "stage"], "seconds").rename(
        columns={"median": "seconds"}
    )
    note = (
        f"{note_on_medians(data, 'bars')} All levels and both criteria of a seed together; the jobs "
        f"ran side by side, each with the start of its process. {reduced_text(tables['subnetworks'])}"
    )
    return draw_page(data, _draw, note, height=3.0), data


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    import seaborn  # takes a second

    axes = part.subplots()
    pruners = in_order(data.pruner)
    log_axes(axes, x=log_limits(data.low, data.high))
    axes.set_yticks(range(len(pruners)), [look(pruner).label for pruner in pruners])
    axes.set_ylim(len(pruners) - 0.5, -0.5)
    data = data.assign(y=data.pruner.map(pruners.index))
    axes.hlines(data.y, data.low, data.high, color=data.stage.map(COLORS), linewidth=0.7)
    looks = {"palette": COLORS, "markers": MARKERS, "legend": False}
    seaborn.scatterplot(data, x="seconds", y="y", hue="stage", style="stage", ax=axes, **looks)
    axes.set(xlabel="Seconds", ylabel="")
    drawn = [stage for stage in STAGES if (data.stage == stage).any()]
    return [entry(STAGES[s], linestyle="", color=COLORS[s], marker=MARKERS[s]) for s in drawn]
