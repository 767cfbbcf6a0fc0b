"""Every figure of the study by name (no plotting library until one is drawn).

A new figure is one entry here, and the function that it names.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from effective_sparsity.figures.style import CONTROLS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from effective_sparsity.figures.tables import Tables


@dataclass(frozen=True)
class Entry:
    """A figure.

    Attributes:
        function: `module:function` of this package that draws it.
        tables: names of the tables that it needs.
        title: what it shows.
        caption: what to see in it.
        accuracy: whether it shows accuracies, which a study has only if it trains.
        pruners: it is drawn only for studies that have one of these; none for all studies.
    """

    function: str
    tables: tuple[str, ...]
    title: str
    caption: str
    accuracy: bool = True
    pruners: tuple[str, ...] = ()

    def suits(self, trains: bool, pruners: set[str]) -> bool:
        """Whether a study that trains or not, and has these pruners, has what the figure shows."""
        return (trains or not self.accuracy) and (not self.pruners or not pruners.isdisjoint(self.pruners))

    def draw(self, tables: "Tables") -> "tuple[Figure, pd.DataFrame]":
        """The figure, and the data of exactly what is drawn."""
        module, function = self.function.split(":")
        return getattr(import_module(f"{__package__}.{module}"), function)(tables)


_ACCURACY = (
    "Left: direct pruning against direct compression, where networks without an active weight are at "
    "chance; right: effective pruning against effective compression. A line stops where the pruner "
    "reaches no further."
)

FIGURES = {
    "toy_network": Entry(
        "toy_network:toy_network",
        ("toy_network",),
        "Active and inactive weights",
        "A weight is active if it lies on a path of kept weights from an input to an output (solid, blue). "
        "Pruners that keep equally many weights leave different numbers of them active; the others (dashed, "
        "orange) do nothing. Filled units lie on such a path.",
        accuracy=False,
    ),
    "effective_vs_direct": Entry(
        "effective_vs_direct:effective_vs_direct",
        ("curves", "subnetworks"),
        "Effective against direct compression",
        "Effective against direct compression of every pruner; on the grey diagonal nothing is lost beyond "
        "what was pruned. A mark on the upper edge, and the number behind a name, is the direct compression "
        "from which on no weight is active in at least half of the seeds.",
        accuracy=False,
    ),
    "accuracy_at_initialisation": Entry(
        "accuracy:accuracy_at_initialisation",
        ("subnetworks", "dense"),
        "Accuracy: pruning at initialisation",
        f"Test accuracy of pruners at initialisation. {_ACCURACY}",
    ),
    "accuracy_random_quotas": Entry(
        "accuracy:accuracy_random_quotas",
        ("subnetworks", "dense"),
        "Accuracy: quotas for random pruning",
        f"Test accuracy of random pruning with different layerwise quotas. {_ACCURACY}",
    ),
    "accuracy_magnitude_quotas": Entry(
        "accuracy:accuracy_magnitude_quotas",
        ("subnetworks", "dense"),
        "Accuracy: quotas for magnitude pruning",
        f"Test accuracy of magnitude pruning after training, with different layerwise quotas. {_ACCURACY}",
    ),
    "layer_density": Entry(
        "layer_density:layer_density",
        ("layers", "subnetworks"),
        "Density of each layer",
        "Density of each layer after direct pruning with each quota: weights kept (dashed) and those of them "
        "that are active (solid; absent from a layer where none is).",
        accuracy=False,
    ),
    "target_hits": Entry(
        "target_hits:target_hits",
        ("subnetworks",),
        "How well a target is hit",
        "Distance of the effective compression reached from the one asked for, relative to it: direct "
        "pruning (dashed; it stops where nothing is active) and effective pruning (solid). Exact hits lie on "
        "the lower edge.",
        accuracy=False,
    ),
    "costs": Entry(
        "costs:costs",
        ("costs", "subnetworks"),
        "What pruning costs",
        "Wall-clock time of each step of a pruner. Effective pruning takes no search: one pass gives the "
        "effective scores of a ranking, and the subnetworks of all levels are read off them.",
    ),
    "pruner_order": Entry(
        "pruner_order:pruner_order",
        ("subnetworks",),
        "How the order of pruners changes",
        "Left: pruners ranked by mean test accuracy when compared at equal direct and at equal effective "
        "compression; tied pruners share a rank. Right: Kendall's tau between the two orders, beside the "
        "agreement between seeds within the effective frame, which is what noise alone allows.",
    ),
    "paired_differences": Entry(
        "paired_differences:paired_differences",
        ("subnetworks",),
        "Differences between pruners, seed by seed",
        "Test accuracy of each pruner minus that of random pruning (left) or magnitude pruning (right) with "
        "IGQ quotas, for pairs of subnetworks that start from the same seed and have the same effective "
        "compression. Pruners stand side by side at each level; above one point the scale is logarithmic.",
    ),
    "leaderboard": Entry(
        "leaderboard:leaderboard",
        ("subnetworks",),
        "All pruners at equal effective compression",
        "Test accuracy of each pruner minus that of random pruning with IGQ quotas, from the same seed and "
        "at the same effective compression (above each panel). Pruners that share a letter in a panel cannot "
        "be told apart there: paired t tests over seeds between all pruners, with Holm's correction.",
        pruners=("random-igq",),
    ),
    "pixel_controls": Entry(
        "pixel_controls:pixel_controls",
        ("subnetworks",),
        "How much of SNIP's lead is its choice of pixels",
        "SNIP, random pruning with IGQ quotas, and controls that change the pixels of one or the other and "
        "nothing else. Left: test accuracy at equal effective compression. Right: the part of the gap "
        "between the two that a control closes, with jackknife intervals over seeds.",
        pruners=CONTROLS,
    ),
    "verdicts": Entry(
        "verdicts:verdicts",
        ("measurements",),
        "Claims: what was measured, against its bound",
        "Every measurement behind a verdict, with the number of its claim. A claim holds where a whole "
        "interval lies on the side of the bound to which the triangle points.",
    ),
    "mean_field": Entry(
        "mean_field:mean_field",
        ("layers", "subnetworks"),
        "Effective compression, predicted",
        "Effective against direct compression of randomly pruned fully-connected networks: measured "
        "(markers), and predicted (lines) from the densities of the layers alone, as the expected number of "
        "weights whose source is reached from the input and whose target leads on to the output. A "
        "prediction leaves the panel where subnetworks disconnect.",
        accuracy=False,
    ),
}
