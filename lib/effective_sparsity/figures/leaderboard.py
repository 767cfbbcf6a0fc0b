"""All pruners at equal effective compression, relative to random pruning with IGQ quotas."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from effective_sparsity.figures import seeds
from effective_sparsity.figures.groups import letters, told_apart
from effective_sparsity.figures.page import Legend, draw_page
from effective_sparsity.figures.statistics import MIN_SEEDS, over_seeds
from effective_sparsity.figures.style import GREY, look, plain_number
from effective_sparsity.figures.tables import HIT, PANEL, Tables, nearest_levels, on_target, reduced_text

REFERENCE = "random-igq"
# Two in a decade; of other levels those that come nearest.
LEVELS = (10, 31.6228, 100, 316.228, 1000, 3162.28)

_ROW = 0.15  # inches
_POINT = [*PANEL, "target_compression", "pruner"]


def leaderboard(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """For each network a row of panels, one for each level, and in them a row for each pruner.

    Returns:
        The figure, and its data, see `standings`.
    """
    data = standings(tables["subnetworks"])
    letters_mean = (
        "Two pruners of a panel share a letter if and only if they cannot be told apart there, by paired t "
        "tests over seeds between all of them with Holm's correction (5 %). "
    )
    note = (
        f"Subnetworks that hit their target within {100 * HIT:.0f} %, pruners in the order of their mean "
        f"rank; each panel has a scale of its own. {seeds.note_on_means(data)} "
        f"{letters_mean if data.group.any() else ''}{reduced_text(tables['subnetworks'])}"
    )
    return draw_page(data, _draw, note, _height), data


def standings(subnetworks: pd.DataFrame) -> pd.DataFrame:
    """Accuracies at equal effective compression, absolute and relative to random pruning with IGQ quotas.

    Returns:
        Columns architecture, dataset, target_compression, pruner, seed; accuracy, in per cent; difference, in
        percentage points, from the reference with the same seed; and in the rows without a seed, whose
        numbers are means over seeds, low and high of the difference's 95 % t interval, its seeds, and the
        letters of the pruner's groups (see `groups`; empty where seeds are too few for any test). Pruners in
        the order of their mean rank over levels; one that misses a target is last there.
    """
    rows = subnetworks[subnetworks.criterion == "effective"].dropna(subset=["test_accuracy"])
    rows = rows[on_target(rows)]
    rows = rows.assign(accuracy=100 * rows.test_accuracy.astype(float))[[*_POINT, "seed", "accuracy"]]
    of_networks = [
        _of_network(of_network[of_network.target_compression.isin(nearest_levels(of_network, LEVELS))])
        for _, of_network in rows.groupby(PANEL, sort=False)
        if REFERENCE in set(of_network.pruner)
    ]
    columns = [*_POINT, "seed", "accuracy", "difference", "low", "high", "seeds", "group"]
    return pd.concat(of_networks or [rows[:0]], ignore_index=True).reindex(columns=columns)


def _of_network(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["target_compression", "seed"]
    reference = rows[rows.pruner == REFERENCE].set_index(keys).accuracy.rename("reference")
    rows = rows.join(reference, on=keys)
    rows["difference"] = rows.accuracy - rows.pop("reference")
    means = rows.groupby(_POINT, as_index=False).accuracy.mean()
    means = means.merge(over_seeds(rows, _POINT, "difference"), how="left", on=_POINT)
    means = means.rename(columns={"mean": "difference"}).merge(
        _groups(rows), on=["target_compression", "pruner"]
    )
    both = pd.concat([means, rows], ignore_index=True)
    return both.sort_values(["target_compression", "pruner"], key=_in_order(means), kind="stable")


def _groups(rows: pd.DataFrame) -> pd.DataFrame:
    """The letters of each pruner at each level."""
    found = []
    for level, at_level in rows.groupby("target_compression"):
        values = at_level.pivot_table(index="seed", columns="pruner", values="accuracy")
        ordered = values[values.mean().sort_values(ascending=False).index]
        tested = values.count().max() >= MIN_SEEDS
        of_level = letters(list(ordered), told_apart(ordered)) if tested else dict.fromkeys(ordered, "")
        found += [{"target_compression": level, "pruner": name, "group": of_level[name]} for name in ordered]
    return pd.DataFrame(found)


def _in_order(means: pd.DataFrame):
    """A sorting key that puts pruners in the order of their mean rank."""
    table = means.pivot_table(index="pruner", columns="target_compression", values="accuracy")
    rank = table.rank(ascending=False, na_option="bottom").mean(axis=1)
    return lambda column: column.map(rank) if column.name == "pruner" else column


def _pruners(data: pd.DataFrame) -> list[str]:
    return list(data.pruner.unique())


def _height(data: pd.DataFrame) -> float:
    return 0.75 + _ROW * len(_pruners(data))


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    levels = sorted(data.target_compression.unique())
    cells = part.subplots(1, len(levels), sharey=True, squeeze=False)[0]
    pruners = _pruners(data)
    cells[0].set_yticks(range(len(pruners)), [look(pruner).label for pruner in pruners])
    cells[0].set_ylim(len(pruners) - 0.5, -0.5)
    for axes, level in zip(cells, levels, strict=True):
        axes.set_title(f"At {plain_number(level)}")
        axes.tick_params(left=axes is cells[0])
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
        axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
        at_level = data[data.target_compression == level]
        for y, pruner in enumerate(pruners):
            _draw_pruner(axes, at_level[at_level.pruner == pruner], y, pruner)
    part.supxlabel(f"Points of test accuracy, minus {look(REFERENCE).label}", size=7)
    return []


def _draw_pruner(axes: Axes, points: pd.DataFrame, y: int, pruner: str) -> None:
    style = look(pruner).style
    means, dots = points[points.seed.isna()], points[points.seed.notna()]
    seeds.draw_seeds(axes, dots.assign(x=dots.difference, y=y), "y", style["color"])
    for mean in means.itertuples():
        axes.plot(mean.difference, y, **style, gid=pruner, zorder=3)
        if mean.seeds >= seeds.ENOUGH:
            axes.hlines(y, mean.low, mean.high, color=style["color"], linewidth=0.7, zorder=2.5)
        axes.text(
            1.03, y, mean.group, transform=axes.get_yaxis_transform(), size=5.5, va="center", gid="group"
        )
