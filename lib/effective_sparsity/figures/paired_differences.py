"""By how much each pruner beats random or magnitude pruning with IGQ quotas, seed by seed."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedLocator

from effective_sparsity.figures import seeds
from effective_sparsity.figures.page import Legend, draw_page, entry, log_axes, log_limits, pruner_entries
from effective_sparsity.figures.style import (
    CONTROLS,
    GREY,
    MAGNITUDE_QUOTAS,
    PRUNERS,
    RANDOM_QUOTAS,
    SALIENCIES,
    in_order,
    look,
)
from effective_sparsity.figures.tables import HIT, PANEL, Tables, on_target, reduced_text

# Panels: the reference, and what is compared with it. Controls stand beside SNIP, which they explain.
PANELS = {
    "At initialisation": ("random-igq", (*RANDOM_QUOTAS, *SALIENCIES)),
    "After training": ("magnitude-igq", MAGNITUDE_QUOTAS),
    "Choice of pixels": ("random-igq", ("snip", *CONTROLS)),
}
_COLUMNS = 2

_POINT = [*PANEL, "reference", "pruner", "target_compression"]

# Differences are drawn to scale up to one percentage point, beyond on a logarithmic scale.
_LINEAR = 1.0
_TICKS = np.array([1, 2, 5, 10, 20, 50])


def paired_differences(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """For each network a panel of pruners at initialisation, of trained weights, and of controls, if any.

    Returns:
        The figure, and its data: test accuracy of a pruner minus that of `reference`, in percentage points,
        both pruned to the same effective compression from the same seed, as `seeds.with_seeds` lists them.
    """
    data = _tabulate(tables["subnetworks"])
    note = (
        "Percentage points of test accuracy between subnetworks of one seed and one effective compression, "
        f"which both hit within {100 * HIT:.0f} %. "
        f"{seeds.note_on_means(data)} {reduced_text(tables['subnetworks'])}"
    )
    return draw_page(data, _draw, note, _height), data


def reference_of(pruner: str) -> str:
    """The pruner with which another is compared."""
    return "magnitude-igq" if pruner in MAGNITUDE_QUOTAS else "random-igq"


def _tabulate(subnetworks: pd.DataFrame) -> pd.DataFrame:
    rows = subnetworks[(subnetworks.criterion == "effective") & subnetworks.pruner.isin(PRUNERS)]
    rows = rows.dropna(subset=["test_accuracy"])
    rows = rows[on_target(rows)]
    rows = rows.assign(reference=rows.pruner.map(reference_of).astype(object))
    keys = [*PANEL, "reference", "target_compression", "seed"]
    references = rows[rows.pruner == rows.reference][[*keys, "test_accuracy"]]
    pairs = rows[rows.pruner != rows.reference].merge(references, on=keys, suffixes=("", "_of_reference"))
    pairs["difference"] = 100 * (pairs.test_accuracy - pairs.test_accuracy_of_reference).astype(float)
    data = seeds.with_seeds(pairs, _POINT, "difference")
    return data[[*_POINT, "seed", "difference", "low", "high", "seeds"]]


def _shown(data: pd.DataFrame) -> list[str]:
    """Titles of the panels that have anything to show; SNIP alone is no control."""
    found = set(data.pruner)
    shown = [title for title, (_, pruners) in PANELS.items() if found & set(pruners)]
    return shown if found & set(CONTROLS) else [title for title in shown if title != "Choice of pixels"]


def _height(data: pd.DataFrame) -> float:
    return 3.1 * -(-len(_shown(data)) // _COLUMNS)


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    shown = _shown(data)
    columns = min(len(shown), _COLUMNS)
    grid = part.subplots(-(-len(shown) // columns), columns, sharex=True, sharey=True, squeeze=False)
    cells = grid.ravel()
    cells[0].set_yscale("symlog", linthresh=_LINEAR, linscale=0.6)
    cells[0].yaxis.set_major_locator(FixedLocator([*-_TICKS, 0, *_TICKS]))
    cells[0].yaxis.set_major_formatter("{x:g}")
    log_axes(cells[0], x=log_limits(data.target_compression, margin=1.35))
    legend: Legend = []
    for axes in cells[len(shown) :]:
        axes.set_axis_off()
    for axes, title in zip(cells, shown, strict=False):
        reference, members = PANELS[title]
        axes.set_title(f"{title}, minus {look(reference).label}")
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("Effective compression")
        axes.set_ylabel("Points of test accuracy" if axes in grid[:, 0] else "")
        axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
        pruners = in_order(set(members) & set(data.pruner))
        shifts = data.pruner.map(seeds.dodge(data.target_compression, pruners, width=0.7))
        points = data.assign(x=data.target_compression * shifts)
        seeds.draw_pruners(axes, points, pruners, "difference", linewidth=0.5)
        legend += [entry("", linestyle=""), *pruner_entries(pruners)] if legend else pruner_entries(pruners)
    return legend
