"""Every figure of the study by name (no plotting library until one is drawn).

A new figure is one entry here, and the function that it names.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

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
        caption: what to see in it.
        accuracy: whether it shows accuracies, which a study has only if it trains.
    """

    function: str
    tables: tuple[str, ...]
    caption: str
    accuracy: bool = True

    def draw(self, tables: "Tables") -> "tuple[Figure, pd.DataFrame]":
        """The figure, and the data of exactly what is drawn."""
        module, function = self.function.split(":")
        return getattr(import_module(f"{__package__}.{module}"), function)(tables)


_ACCURACY = (
    "Solid: effective pruning against effective compression; dashed: direct pruning against direct "
    "compression, where networks without an active weight are at chance. A line stops where the pruner "
    "reaches no further."
)

FIGURES = {
    "effective_vs_direct": Entry(
        "effective_vs_direct:effective_vs_direct",
        ("curves", "subnetworks"),
        "Effective against direct compression of every pruner; on the grey diagonal nothing is lost beyond "
        "what was pruned. A mark on the upper edge, and the number behind a name, is the direct compression "
        "from which on no weight is active in at least half of the seeds.",
        accuracy=False,
    ),
    "accuracy_at_initialisation": Entry(
        "accuracy:accuracy_at_initialisation",
        ("subnetworks", "dense"),
        f"Test accuracy of pruners at initialisation. {_ACCURACY}",
    ),
    "accuracy_random_quotas": Entry(
        "accuracy:accuracy_random_quotas",
        ("subnetworks", "dense"),
        f"Test accuracy of random pruning with different layerwise quotas. {_ACCURACY}",
    ),
    "accuracy_magnitude_quotas": Entry(
        "accuracy:accuracy_magnitude_quotas",
        ("subnetworks", "dense"),
        f"Test accuracy of magnitude pruning after training, with different layerwise quotas. {_ACCURACY}",
    ),
    "layer_density": Entry(
        "layer_density:layer_density",
        ("layers", "subnetworks"),
        "Density of each layer after direct pruning with each quota: weights kept (dashed) and those of them "
        "that are active (solid; absent from a layer where none is).",
        accuracy=False,
    ),
    "target_hits": Entry(
        "target_hits:target_hits",
        ("subnetworks",),
        "Distance of the effective compression reached from the one asked for, relative to it: direct "
        "pruning (dashed; it stops where nothing is active) and effective pruning (solid). Exact hits lie on "
        "the lower edge.",
        accuracy=False,
    ),
    "pruner_order": Entry(
        "pruner_order:pruner_order",
        ("subnetworks",),
        "Left: pruners ranked by mean test accuracy when compared at equal direct and at equal effective "
        "compression; tied pruners share a rank. Right: Kendall's tau between the two orders, beside the "
        "agreement between seeds within the effective frame, which is what noise alone allows.",
    ),
}
