"""Test accuracy against direct and against effective compression."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
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
from effective_sparsity.figures.statistics import over_seeds
from effective_sparsity.figures.style import (
    AT_INITIALISATION,
    DASHED,
    FRAMES,
    GREY,
    MAGNITUDE_QUOTAS,
    RANDOM_QUOTAS,
    in_order,
    look,
)
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text

_POINT = [*PANEL, "pruner", "criterion", "target_compression"]


def accuracy(pruners: tuple[str, ...], tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """Some pruners compared in both frames, one row of panels per network.

    Args:
        pruners: their names.
        tables: `subnetworks` and `dense`.

    Returns:
        The figure, and its data: one row per point. `criterion` is "effective" (compression is the effective
        one), "direct" (the direct one) or "dense" (compression 1). Rows without `seed` are means over seeds:
        the median compression, the mean accuracy, low and high of its 95 % t interval (empty for a single
        seed), and the number of seeds. The others are the seeds behind them, if there are several.
    """
    data = _tabulate(tables, pruners)
    compared = tables["subnetworks"].query("pruner in @pruners")
    reduced = reduced_text(compared if len(compared) else tables["dense"])
    note = f"{seeds.note_on_means(data.seeds.dropna())} {reduced}"
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
    means = over_seeds(rows, _POINT, "test_accuracy").rename(columns={"mean": "test_accuracy"})
    means["compression"] = rows.groupby(_POINT).compression.median().to_numpy()
    several = rows[rows.groupby(_POINT).seed.transform("size") > 1]
    columns = [*_POINT, "seed", "compression", "test_accuracy", "low", "high", "seeds"]
    return pd.concat([means, several], ignore_index=True).reindex(columns=columns)


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
        _draw_frame(axes, subnetworks[subnetworks.criterion == frame], pruners)
    heights = subnetworks[subnetworks.seed.isna()].groupby(["criterion", "pruner"]).test_accuracy.mean()
    heights = heights["effective" if "effective" in heights else "direct"] if len(heights) else heights
    best_first = sorted(pruners, key=lambda pruner: -heights.get(pruner, 0.0))
    return [entry("Dense", color=GREY, linewidth=0.8)] * bool(len(dense)) + pruner_entries(best_first)


def _draw_frame(axes: Axes, data: pd.DataFrame, pruners: list[str]) -> None:
    shifts = seeds.dodge(data.target_compression, len(pruners), width=0.35)
    for pruner, shift in zip(pruners, shifts, strict=True):
        points = data[data.pruner == pruner]
        points = points.assign(**{name: inside(points[name]) for name in ("test_accuracy", "low", "high")})
        style = look(pruner).style
        means, dots = points[points.seed.isna()], points[points.seed.notna()]
        seeds.draw_seeds(axes, dots.seed, dots.compression * shift, dots.test_accuracy, style["color"])
        for frame in means.criterion.unique():
            line = style | (DASHED if frame == "direct" else {})
            seeds.draw_means(axes, means, "compression", "test_accuracy", f"{pruner} {frame}", line)
