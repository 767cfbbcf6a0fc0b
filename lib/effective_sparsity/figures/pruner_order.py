"""How the order of the pruners changes with the frame in which they are compared."""

from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from effective_sparsity.figures.labels import Label, key, label_ends
from effective_sparsity.figures.layout import Page, heading
from effective_sparsity.figures.statistics import half_width
from effective_sparsity.figures.style import (
    DASHED,
    GREY,
    RC,
    in_order,
    log_axes,
    look,
    panel_title,
    plain_number,
)
from effective_sparsity.figures.tables import (
    PANEL,
    Tables,
    nearest_levels,
    of_panel,
    panels,
    reduced_text,
    seeds_text,
)

# Bump charts are drawn for the levels nearest to these.
_COMPRESSIONS = (100, 1000)

_PAGE = Page(height=2.5, gap_x=1.85, gap_y=1.0, left=0.45, top=0.5)
_WIDTHS = [0.7, 0.7, 1.55]
_FRAMES = ("direct", "effective")


def pruner_order(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One row of panels per network: the order of pruners in both frames at two levels, and Kendall's tau.

    Args:
        tables: `subnetworks`.

    Returns:
        The figure, and its data. Rows with kind "rank" hold the rank (1 is best) of a pruner's mean accuracy
        among all pruners trained in both frames at that target; tied pruners share their mean rank. Rows with
        kind "tau between frames" hold Kendall's tau-b between the two frames, within a seed; rows with kind
        "tau between seeds" hold tau-b between pairs of seeds in the effective frame: agreement that noise
        alone allows.
    """
    subnetworks = tables["subnetworks"]
    data = _tabulate(subnetworks)
    seeds = pd.Series(subnetworks.seed.nunique())
    note = (
        f"{seeds_text(seeds)}; tau: mean over seeds with 95 % t interval, and mean over pairs of seeds. "
        f"{reduced_text(subnetworks)}"
    )
    with matplotlib.rc_context(RC):
        return _draw(data, note), data


def _tabulate(subnetworks: pd.DataFrame) -> pd.DataFrame:
    trained = subnetworks.dropna(subset=["test_accuracy"])
    rows = []
    for (architecture, dataset, target), group in trained.groupby([*PANEL, "target_compression"]):
        where = {"architecture": architecture, "dataset": dataset, "target_compression": target}
        accuracy = group.pivot_table(index="pruner", columns=["criterion", "seed"], values="test_accuracy")
        if not set(_FRAMES) <= set(accuracy.columns.get_level_values(0)):
            continue
        rows += [where | row for row in (*_ranks(accuracy), *_taus(accuracy))]
    columns = [*PANEL, "target_compression", "kind", "pruner", "criterion", "value", "low", "high", "count"]
    # Types are said because an empty table has none.
    numbers = dict.fromkeys(["target_compression", "value", "low", "high", "count"], float)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def _ranks(accuracy: pd.DataFrame) -> list[dict]:
    means = pd.DataFrame({frame: accuracy[frame].mean(axis=1) for frame in _FRAMES}).dropna()
    ranks = means.rank(ascending=False)
    return [
        {"kind": "rank", "pruner": pruner, "criterion": frame, "value": ranks.loc[pruner, frame]}
        for pruner in in_order(ranks.index)
        for frame in _FRAMES
    ]


def _taus(accuracy: pd.DataFrame) -> list[dict]:
    effective = accuracy["effective"]
    seeds = [seed for seed in accuracy["direct"] if seed in effective]
    between_frames = [_tau(accuracy["direct", seed], effective[seed]) for seed in seeds]
    between_seeds = [_tau(effective[a], effective[b]) for a, b in combinations(effective, 2)]
    rows = []
    for kind, taus in (("tau between frames", between_frames), ("tau between seeds", between_seeds)):
        taus = pd.Series(taus, dtype=float).dropna()
        if taus.empty:
            continue
        # Pairs of seeds are not independent, so their mean has no simple interval.
        half = half_width(taus) if kind == "tau between frames" else np.nan
        mean = taus.mean()
        rows.append(
            {"kind": kind, "value": mean, "low": mean - half, "high": mean + half, "count": len(taus)}
        )
    return rows


def _tau(first: pd.Series, second: pd.Series) -> float:
    both = pd.concat([first, second], axis=1).dropna()
    return stats.kendalltau(both.iloc[:, 0], both.iloc[:, 1]).statistic if len(both) > 1 else np.nan


def _draw(data: pd.DataFrame, note: str) -> Figure:
    rows = panels(data) or [("", "")]
    figure, grid = _PAGE.grid(len(rows), _WIDTHS, note)
    for cells, panel in zip(grid, rows, strict=True):
        of_row = of_panel(data, panel)
        ranks = of_row[of_row.kind == "rank"]
        chosen = nearest_levels(ranks, _COMPRESSIONS)
        for axes, level in zip(cells, chosen, strict=False):
            _draw_ranks(axes, ranks[ranks.target_compression == level])
            axes.set_title(f"Compression {plain_number(level)}")
            if axes is cells[0]:
                axes.set_ylabel("Rank by test accuracy")
        for axes in cells[len(chosen) : len(_COMPRESSIONS)]:
            axes.remove()
        _draw_taus(cells[-1], of_row[of_row.kind != "rank"])
        heading(cells[0] if chosen else cells[-1], panel_title(*panel))
    return figure


def _draw_ranks(axes: Axes, ranks: pd.DataFrame) -> None:
    pruners = in_order(ranks.pruner)
    axes.set_ylim(len(pruners) + 0.5, 0.5)
    axes.set_yticks(range(1, len(pruners) + 1))
    axes.set_xlim(-0.1, 1.1)
    axes.set_xticks([0, 1], _FRAMES)
    axes.grid(visible=False)
    labels = []
    for pruner in pruners:
        style = look(pruner)
        value = ranks[ranks.pruner == pruner].set_index("criterion").value
        axes.plot([0, 1], [value["direct"], value["effective"]], **style.marker_style, gid=pruner)
        labels.append(Label(style.label, 1, value["effective"], style.marker_style, order=-value["direct"]))
    label_ends(axes, labels)


def _draw_taus(axes: Axes, taus: pd.DataFrame) -> None:
    log_axes(axes, "x")
    values = taus[["value", "low"]].to_numpy(float)
    axes.set(xlabel="Target compression", ylim=(max(np.nanmin(values, initial=0), -1) - 0.05, 1.02))
    axes.set_title("Kendall's tau of two orders")
    rows = []
    for kind, style in (
        ("tau between frames", {"color": "#D55E00", "marker": "o"}),
        ("tau between seeds", {"color": GREY} | DASHED),
    ):
        points = taus[taus.kind == kind]
        axes.plot(points.target_compression, points.value, **style, gid=kind)
        axes.fill_between(
            points.target_compression, points.low, points.high, color=style["color"], alpha=0.12, linewidth=0
        )
        rows.append((kind.removeprefix("tau "), style))
    key(axes, rows, location="lower left")
