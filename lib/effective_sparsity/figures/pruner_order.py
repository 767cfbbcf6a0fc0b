"""How the order of the pruners changes with the frame in which they are compared."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures.page import Legend, draw_page, log_axes, log_limits
from effective_sparsity.figures.statistics import half_width
from effective_sparsity.figures.style import DASHED, FRAMES, GREY, in_order, look, plain_number
from effective_sparsity.figures.tables import PANEL, Tables, nearest_levels, reduced_text, seeds_text

# Bump charts are drawn for the levels nearest to these.
_COMPRESSIONS = (100, 1000)

_TAUS = {
    "tau between frames": {"color": "#D55E00", "marker": "o"},
    "tau between seeds": {"color": GREY, **DASHED},
}


def pruner_order(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One row of panels per network: the order of pruners in both frames at two levels, and Kendall's tau.

    Returns:
        The figure, and its data. Rows with kind "rank" hold the rank (1 is best) of a pruner's mean accuracy
        among all pruners trained in both frames at that target; tied pruners share their mean rank. Rows with
        kind "tau between frames" hold Kendall's tau-b between the two frames, within a seed; rows with kind
        "tau between seeds" hold tau-b between pairs of seeds in the effective frame: agreement that noise
        alone allows.
    """
    subnetworks = tables["subnetworks"]
    data = _tabulate(subnetworks)
    n_seeds = subnetworks.seed.nunique()
    means = "; tau: mean over seeds with 95 % t interval, and mean over pairs of seeds" if n_seeds > 1 else ""
    note = f"{seeds_text(pd.Series(n_seeds))}{means}. {reduced_text(subnetworks)}"
    return draw_page(data, _draw, note, height=2.9), data


def _tabulate(subnetworks: pd.DataFrame) -> pd.DataFrame:
    trained = subnetworks.dropna(subset=["test_accuracy"])
    rows = []
    for (architecture, dataset, target), group in trained.groupby([*PANEL, "target_compression"]):
        where = {"architecture": architecture, "dataset": dataset, "target_compression": target}
        accuracy = group.pivot_table(index="pruner", columns=["criterion", "seed"], values="test_accuracy")
        if set(FRAMES) <= set(accuracy.columns.get_level_values(0)):
            rows += [where | row for row in (*_ranks(accuracy), *_taus(accuracy))]
    columns = [*PANEL, "target_compression", "kind", "pruner", "criterion", "value", "low", "high", "count"]
    # An empty table has no types of its own.
    numbers = dict.fromkeys(["target_compression", "value", "low", "high", "count"], float)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def _ranks(accuracy: pd.DataFrame) -> Iterator[dict]:
    means = pd.DataFrame({frame: accuracy[frame].mean(axis=1) for frame in FRAMES}).dropna()
    ranks = means.rank(ascending=False)
    for pruner in in_order(ranks.index):
        for frame in FRAMES:
            yield {"kind": "rank", "pruner": pruner, "criterion": frame, "value": ranks.loc[pruner, frame]}


def _taus(accuracy: pd.DataFrame) -> Iterator[dict]:
    if len(accuracy) < 2:
        return
    direct, effective = (accuracy[frame] for frame in FRAMES)
    frames = direct.corrwith(effective, drop=True, method="kendall").dropna()
    if len(frames):
        # Pairs of seeds are not independent, so only the mean within seeds has a simple interval.
        mean, half = frames.mean(), half_width(frames)
        yield _tau("tau between frames", mean, len(frames)) | {"low": mean - half, "high": mean + half}
    pairs = effective.corr(method="kendall", min_periods=2).to_numpy()[np.triu_indices(effective.shape[1], 1)]
    if np.isfinite(pairs).any():
        yield _tau("tau between seeds", np.nanmean(pairs), np.isfinite(pairs).sum())


def _tau(kind: str, mean: float, count: int) -> dict:
    return {"kind": kind, "value": mean, "count": count}


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    ranks = data[data.kind == "rank"]
    levels = nearest_levels(ranks, _COMPRESSIONS)
    cells = part.subplots(1, len(levels) + 1, width_ratios=[0.5] * len(levels) + [1], squeeze=False)[0]
    for axes, level in zip(cells, levels, strict=False):
        _draw_ranks(axes, ranks[ranks.target_compression == level])
        axes.set_title(f"Compression {plain_number(level)}")
    if levels:
        cells[0].set_ylabel("Rank by test accuracy")
    _draw_taus(cells[-1], data[data.kind != "rank"])
    return []


def _draw_ranks(axes: Axes, ranks: pd.DataFrame) -> None:
    pruners = in_order(ranks.pruner)
    table = ranks.pivot(index="pruner", columns="criterion", values="value").loc[pruners, list(FRAMES)]
    for pruner, (direct, effective) in table.iterrows():
        axes.plot([0, 1], [direct, effective], **look(pruner).style, gid=pruner)
    # Names stand at whole ranks, tied pruners in their order in the direct frame.
    order = table.sort_values(["effective", "direct"]).index
    axes.set_ylim(len(order) + 0.5, 0.5)
    axes.set_yticks(range(1, len(order) + 1))
    axes.set(xlim=(-0.1, 1.1), xticks=[0, 1], xticklabels=FRAMES)
    axes.grid(visible=False)
    names = axes.secondary_yaxis("right")
    names.spines[:].set_visible(False)
    names.set_yticks(range(1, len(order) + 1), [look(pruner).label for pruner in order])
    names.tick_params(length=0)


def _draw_taus(axes: Axes, taus: pd.DataFrame) -> None:
    log_axes(axes, x=log_limits(taus.target_compression))
    values = taus[["value", "low"]].to_numpy(float)
    axes.set(xlabel="Target compression", ylim=(max(np.nanmin(values, initial=0), -1) - 0.05, 1.02))
    axes.set_title("Kendall's tau of two orders")
    for kind, style in _TAUS.items():
        points = taus[taus.kind == kind]
        if points.empty:
            continue
        x, label = points.target_compression, kind.removeprefix("tau ")
        axes.plot(x, points.value, **style, gid=kind, label=label)
        axes.fill_between(x, points.low, points.high, color=style["color"], alpha=0.12, linewidth=0)
    if len(taus):
        axes.legend(loc="best")
