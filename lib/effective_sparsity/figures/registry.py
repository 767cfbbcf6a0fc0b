"""Every figure of the study by name (no plotting library until one is drawn).

A new figure is one entry here, and the function that it names: from the tables that the entry lists to the
figure and the data of exactly what is drawn, a row for each mark.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from effective_sparsity.figures.style import (
    AT_INITIALISATION,
    CONTROLS,
    FRAMES,
    LAYER_QUOTAS,
    MAGNITUDE_QUOTAS,
    RANDOM_QUOTAS,
)
from effective_sparsity.networks.registry import NETWORKS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from effective_sparsity.figures.tables import Tables


class Kind(NamedTuple):
    """A kind of subnetworks that a study has."""

    architecture: str
    pruner: str
    criterion: str
    trained: bool


@dataclass(frozen=True)
class Entry:
    """A figure.

    Attributes:
        function: `module:function` of this package that draws it.
        tables: names of the tables that it needs.
        title: the question that it answers.
        caption: how to read it.
        accuracy: whether it shows accuracies, which only subnetworks that are trained have.
        pruners: the pruners that it shows; empty for all.
        criteria: those without which it has nothing to show.
        fully_connected: whether it shows fully-connected networks alone.
    """

    function: str
    tables: tuple[str, ...]
    title: str
    caption: str
    accuracy: bool = True
    pruners: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    fully_connected: bool = False

    def suits(self, study: Iterable[Kind]) -> bool:
        """Whether a study with these subnetworks has what the figure shows."""
        shown = [kind for kind in study if self._shows(kind)]
        anything = bool(shown) or not (self.accuracy or self.pruners)
        return anything and {kind.criterion for kind in shown}.issuperset(self.criteria)

    def _shows(self, kind: Kind) -> bool:
        return (
            (kind.trained or not self.accuracy)
            and (not self.pruners or kind.pruner in self.pruners)
            and (not self.fully_connected or not NETWORKS[kind.architecture].convolutional)
        )

    def draw(self, tables: "Tables") -> "tuple[Figure, pd.DataFrame]":
        """The figure and its data, from tables by name."""
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
        "When does a remaining weight do nothing?",
        "A weight is active if it lies on a path of kept weights from an input to an output (solid, blue). "
        "Pruners that keep equally many weights leave different numbers of them active; the others (dashed, "
        "orange) do nothing. Filled units lie on such a path.",
        accuracy=False,
    ),
    "effective_vs_direct": Entry(
        "effective_vs_direct:effective_vs_direct",
        ("curves", "subnetworks"),
        "How much more is lost than was pruned?",
        "Effective against direct compression of every pruner; on the grey diagonal nothing is lost beyond "
        "what was pruned. A mark on the upper edge, and the number behind a name, is the direct compression "
        "from which on no weight is active in at least half of the seeds; a band reaches the upper edge as "
        "soon as that is so in one.",
        accuracy=False,
    ),
    "accuracy_at_initialisation": Entry(
        "accuracy:accuracy_at_initialisation",
        ("subnetworks", "dense"),
        "Which pruner at initialisation is the most accurate?",
        f"Test accuracy of pruners at initialisation. {_ACCURACY}",
        pruners=AT_INITIALISATION,
    ),
    "accuracy_random_quotas": Entry(
        "accuracy:accuracy_random_quotas",
        ("subnetworks", "dense"),
        "Which layerwise quotas suit random pruning?",
        f"Test accuracy of random pruning with different layerwise quotas. {_ACCURACY}",
        pruners=RANDOM_QUOTAS,
    ),
    "accuracy_magnitude_quotas": Entry(
        "accuracy:accuracy_magnitude_quotas",
        ("subnetworks", "dense"),
        "Which layerwise quotas suit magnitude pruning?",
        f"Test accuracy of magnitude pruning after training, with different layerwise quotas. {_ACCURACY}",
        pruners=MAGNITUDE_QUOTAS,
    ),
    "layer_density": Entry(
        "layer_density:layer_density",
        ("layers", "subnetworks"),
        "Which layers keep their weights, and which keep them active?",
        "Density of each layer after direct pruning with each quota: weights kept (dashed) and those of them "
        "that are active (solid; absent from a layer where none is).",
        accuracy=False,
        pruners=LAYER_QUOTAS,
        criteria=("direct",),
    ),
    "target_hits": Entry(
        "target_hits:target_hits",
        ("subnetworks",),
        "Do subnetworks have the compression that was asked for?",
        "Distance of the effective compression reached from the one asked for, relative to it: direct "
        "pruning (dashed; it stops where nothing is active) and effective pruning (solid). Exact hits lie on "
        "the lower edge.",
        accuracy=False,
    ),
    "costs": Entry(
        "costs:costs",
        ("costs", "subnetworks"),
        "What does pruning cost?",
        "Wall-clock time of each step of a pruner. Effective pruning takes no search: one pass gives the "
        "effective scores of a ranking, and the subnetworks of all levels are read off them. Where one job "
        "handles all pruners (`pruners_per_job: all`), no pruner has a time of its own.",
    ),
    "pruner_order": Entry(
        "pruner_order:pruner_order",
        ("subnetworks",),
        "Does the order of pruners depend on how compression is counted?",
        "Left: pruners ranked by mean test accuracy when compared at equal direct and at equal effective "
        "compression; tied pruners share a rank. Right: Kendall's tau between the two orders, beside the "
        "agreement between seeds within the effective frame, which is what noise alone allows.",
        criteria=FRAMES,
    ),
    "paired_differences": Entry(
        "paired_differences:paired_differences",
        ("subnetworks",),
        "By how much do pruners differ, seed by seed?",
        "Test accuracy of each pruner minus that of random pruning (left) or magnitude pruning (right) with "
        "IGQ quotas, for pairs of subnetworks that start from the same seed and have the same effective "
        "compression. Pruners stand side by side at each level; above one point the scale is logarithmic.",
        pruners=("random-igq", "magnitude-igq"),
        criteria=("effective",),
    ),
    "leaderboard": Entry(
        "leaderboard:leaderboard",
        ("subnetworks",),
        "Which pruners are the best at equal effective compression?",
        "Test accuracy of each pruner minus that of random pruning with IGQ quotas, from the same seed and "
        "at the same effective compression (above each panel). Pruners that share a letter in a panel cannot "
        "be told apart there: paired t tests over seeds between all pruners, with Holm's correction.",
        pruners=("random-igq",),
        criteria=("effective",),
    ),
    "pixel_controls": Entry(
        "pixel_controls:pixel_controls",
        ("subnetworks",),
        "How much of SNIP's lead is its choice of pixels?",
        "SNIP, random pruning with IGQ quotas, and controls that change the pixels of one or the other and "
        "nothing else. Left: test accuracy at equal effective compression. Right: the part of the gap "
        "between the two that a control closes, with jackknife intervals over seeds.",
        pruners=CONTROLS,
        criteria=("effective",),
    ),
    "verdicts": Entry(
        "verdicts:verdicts",
        ("measurements",),
        "How clearly is each claim decided?",
        "Every measurement behind a verdict, against its bound, with the number of its claim. A claim holds "
        "where a whole interval lies on the side of the bound to which the triangle points.",
    ),
    "mean_field": Entry(
        "mean_field:mean_field",
        ("layers", "subnetworks"),
        "Do the densities of layers predict the effective compression?",
        "Effective against direct compression of randomly pruned fully-connected networks: measured "
        "(markers), and predicted (lines) from the densities of the layers alone, as the expected number of "
        "weights whose source is reached from the input and whose target leads on to the output. A "
        "prediction leaves the panel where subnetworks disconnect.",
        accuracy=False,
        pruners=RANDOM_QUOTAS,
        criteria=("direct",),
        fully_connected=True,
    ),
}
