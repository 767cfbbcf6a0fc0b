"""By how much each pruner beats random or magnitude pruning with IGQ quotas, seed by seed."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedLocator

from effective_sparsity.figures import seeds
from effective_sparsity.figures.page import Legend, draw_page, entry, log_axes, log_limits, pruner_entries
from effective_sparsity.figures.statistics import over_seeds
from effective_sparsity.figures.style import GREY, MAGNITUDE_QUOTAS, PRUNERS, in_order, look
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text

# Each pruner is compared with the reference of its own kind: before any training, or by trained weights.
REFERENCES = {"random-igq": "At initialisation", "magnitude-igq": "After training"}

_POINT = [*PANEL, "reference", "pruner", "target_compression"]

# Differences are drawn to scale up to one percentage point, beyond on a logarithmic scale.
_LINEAR = 1.0
_TICKS = np.array([1, 2, 5, 10, 20, 50])


def paired_differences(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One row of panels per network: pruners at initialisation, and pruners of trained weights.

    Args:
        tables: `subnetworks`.

    Returns:
        The figure, and its data: test accuracy of a pruner minus that of `reference`, in percentage points,
        both pruned to the same effective compression from the same seed. Rows without `seed` are means over
        seeds with low and high of their 95 % t interval (empty for a single seed), and the number of seeds;
        the others are the seeds behind them, if there are several.
    """
    data = _tabulate(tables["subnetworks"])
    note = (
        "Percentage points of test accuracy between subnetworks of one seed and one effective compression. "
        f"{seeds.note_on_means(data.seeds.dropna())} {reduced_text(tables['subnetworks'])}"
    )
    return draw_page(data, _draw, note, height=3.2), data


def reference_of(pruner: str) -> str:
    """The pruner with which another is compared."""
    return "magnitude-igq" if pruner in MAGNITUDE_QUOTAS else "random-igq"


def _tabulate(subnetworks: pd.DataFrame) -> pd.DataFrame:
    rows = subnetworks[(subnetworks.criterion == "effective") & subnetworks.pruner.isin(PRUNERS)]
    rows = rows.dropna(subset=["test_accuracy"])
    rows = rows.assign(reference=rows.pruner.map(reference_of).astype(object))
    keys = [*PANEL, "reference", "target_compression", "seed"]
    references = rows[rows.pruner == rows.reference][[*keys, "test_accuracy"]]
    pairs = rows[rows.pruner != rows.reference].merge(references, on=keys, suffixes=("", "_of_reference"))
    pairs["difference"] = 100 * (pairs.test_accuracy - pairs.test_accuracy_of_reference).astype(float)
    means = over_seeds(pairs, _POINT, "difference").rename(columns={"mean": "difference"})
    several = pairs[pairs.groupby(_POINT).seed.transform("size") > 1]
    columns = [*_POINT, "seed", "difference", "low", "high", "seeds"]
    return pd.concat([means, several], ignore_index=True).reindex(columns=columns)


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    shown = [reference for reference in REFERENCES if (data.reference == reference).any()] or ["random-igq"]
    cells = part.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    cells[0].set_ylabel("Difference in test accuracy, points")
    cells[0].set_yscale("symlog", linthresh=_LINEAR, linscale=0.6)
    cells[0].yaxis.set_major_locator(FixedLocator([*-_TICKS, 0, *_TICKS]))
    cells[0].yaxis.set_major_formatter("{x:g}")
    log_axes(cells[0], x=log_limits(data.target_compression, margin=1.35))
    legend: Legend = []
    for axes, reference in zip(cells, shown, strict=True):
        axes.set(title=f"{REFERENCES[reference]}, minus {look(reference).label}")
        axes.set_xlabel("Effective compression")
        axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
        of_reference = data[data.reference == reference]
        pruners = in_order(of_reference.pruner)
        _draw_pruners(axes, of_reference, pruners)
        legend += [entry("", linestyle=""), *pruner_entries(pruners)] if legend else pruner_entries(pruners)
    return legend


def _draw_pruners(axes: Axes, data: pd.DataFrame, pruners: list[str]) -> None:
    shifts = seeds.dodge(data.target_compression, len(pruners), width=0.7)
    for pruner, shift in zip(pruners, shifts, strict=True):
        points = data[data.pruner == pruner]
        points = points.assign(x=points.target_compression * shift)
        style = look(pruner).style
        means, dots = points[points.seed.isna()], points[points.seed.notna()]
        seeds.draw_seeds(axes, dots.x, dots.difference, style["color"])
        seeds.draw_means(axes, means, "x", "difference", pruner, style | {"linewidth": 0.5})
