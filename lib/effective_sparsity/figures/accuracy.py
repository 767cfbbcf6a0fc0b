"""Test accuracy against direct and against effective compression."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures import seeds
from effective_sparsity.figures.page import (
    Legend,
    accuracy_axis,
    draw_page,
    entry,
    inside,
    log_axes,
    log_limits,
    pruner_entries,
)
from effective_sparsity.figures.style import (
    AT_INITIALISATION,
    DASHED,
    FRAMES,
    GREY,
    MAGNITUDE_QUOTAS,
    RANDOM_QUOTAS,
    in_order,
)
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text

_POINT = [*PANEL, "pruner", "criterion", "target_compression"]


def accuracy(pruners: tuple[str, ...], tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """Some pruners compared in both frames, one row of panels per network.

    Returns:
        The figure, and its data. `criterion` is "effective" (compression is the effective one), "direct" (the
        direct one) or "dense" (compression 1). Accuracies are as `seeds.with_seeds` lists
        them; the compression of a mean is the median over its seeds.
    """
    data = _tabulate(tables, pruners)
    compared = tables["subnetworks"].query("pruner in @pruners")
    reduced = reduced_text(compared if len(compared) else tables["dense"])
    note = f"{seeds.note_on_means(data)} {reduced}"
    return draw_page(data, _draw, note, height=2.9), data


accuracy_at_initialisation = partial(accuracy, AT_INITIALISATION)
accuracy_random_quotas = partial(accuracy, RANDOM_QUOTAS)
accuracy_magnitude_quotas = partial(accuracy, MAGNITUDE_QUOTAS)


def _tabulate(tables: Tables, pruners: tuple[str, ...]) -> pd.DataFrame:
    rows = tables["subnetworks"].query("pruner in @pruners")
    x = rows.effective_compression.where(rows.criterion == "effective", rows.direct_compression)
    rows = rows.assign(compression=x.astype(float))
    dense = {"pruner": "dense", "criterion": "dense", "target_compression": 1.0, "compression": 1.0}
    rows = pd.concat([table for table in (rows, tables["dense"].assign(**dense)) if len(table)] or [rows])
    rows = rows.dropna(subset=["test_accuracy"])
    rows = rows[np.isfinite(rows.compression)]
    data = seeds.with_seeds(rows, _POINT, "test_accuracy")
    data.loc[data.seed.isna(), "compression"] = rows.groupby(_POINT).compression.median().to_numpy()
    return data[[*_POINT, "seed", "compression", "test_accuracy", "low", "high", "seeds"]]


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    subnetworks = data[data.criterion != "dense"]
    dense = data[(data.criterion == "dense") & data.seed.isna()]
    frames = [frame for frame in FRAMES if frame in set(subnetworks.criterion)] or FRAMES
    cells = part.subplots(1, len(frames), sharey=True, squeeze=False)[0]
    pruners = in_order(subnetworks.pruner)
    accuracy_axis(cells[0], data.test_accuracy)
    cells[0].set_ylabel("Test accuracy")
    for axes, frame in zip(cells, frames, strict=True):
        log_axes(axes, x=log_limits(subnetworks.compression))
        axes.set(title=f"{frame.capitalize()} pruning", xlabel=f"{frame.capitalize()} compression")
        for row in dense.itertuples():
            axes.axhline(inside(row.test_accuracy), color=GREY, linewidth=0.8, zorder=1, gid="dense")
        points = subnetworks[subnetworks.criterion == frame]
        shifts = points.pruner.map(seeds.dodge(points.target_compression, pruners, width=0.35))
        points = points.assign(
            x=points.compression * shifts.where(points.seed.notna(), 1.0),
            **{name: inside(points[name]) for name in ("test_accuracy", "low", "high")},
        )
        line = DASHED if frame == "direct" else {}
        seeds.draw_pruners(axes, points, pruners, "test_accuracy", f" {frame}", **line)
    heights = subnetworks[subnetworks.seed.isna()].groupby(["criterion", "pruner"]).test_accuracy.mean()
    heights = heights["effective" if "effective" in heights else "direct"] if len(heights) else heights
    best_first = sorted(pruners, key=lambda pruner: -heights.get(pruner, 0.0))
    return [entry("Dense", color=GREY, linewidth=0.8)] * bool(len(dense)) + pruner_entries(best_first)
