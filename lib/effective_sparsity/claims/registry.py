"""The paper's claims with the criteria by which they are judged (no torch).

The bounds stand in the functions; the words here explain them. Both were fixed before any number was known.
"""

from collections.abc import Callable
from dataclasses import dataclass

from effective_sparsity.claims.comparisons import igq_is_the_best_quota, random_pruning_is_as_good_as_saliency
from effective_sparsity.claims.discrepancy import (
    discrepancy_grows_from_nothing,
    random_pruning_loses_orders_of_magnitude,
    synflow_loses_nothing,
)
from effective_sparsity.claims.evidence import Part
from effective_sparsity.claims.extension import effective_pruning_hits_cheaply
from effective_sparsity.claims.frames import frames_disagree
from effective_sparsity.figures.tables import Tables


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        statement: what the paper claims.
        criterion: when it is confirmed and when refuted, in words.
        parts: the function that measures it in the tables of one network; all parts must hold.
        architecture: the network that the claim is about; all networks if empty.
    """

    statement: str
    criterion: str
    parts: Callable[[Tables], list[Part]]
    architecture: str = ""


CLAIMS = {
    1: Claim(
        "Effective compression of randomly pruned LeNet-300-100 can be orders of magnitude above direct "
        "compression.",
        "The largest factor between the two, at any compression at which random pruning with uniform quotas "
        "leaves something active, is at least 100 (two orders of magnitude). Refuted below 10. Disconnected "
        "networks, whose factor is infinite, do not count.",
        random_pruning_loses_orders_of_magnitude,
        architecture="lenet-300-100",
    ),
    2: Claim(
        "SynFlow shows no discrepancy between effective and direct compression.",
        "Over all levels of direct pruning at which at least one weight per layer is kept, effective "
        "compression is at most 1 % above direct compression. Refuted above 10 %.",
        synflow_loses_nothing,
    ),
    3: Claim(
        "Up to compressions of 10 to 100 the discrepancy is negligible; it grows for thinner subnetworks.",
        "At compression 10 effective compression is at most 10 % above direct compression for every pruner "
        "(refuted above a factor of 2), and from compression 10 to 1,000 the factor between them grows by "
        "at least 10 % in the geometric mean over pruners (refuted below 1 %).",
        discrepancy_grows_from_nothing,
    ),
    4: Claim(
        "Absolute and relative performance of pruners changes when compared at equal effective compression.",
        "From compression 100 on, effective instead of direct pruning to the same target changes a pruner's "
        "test accuracy by at least 1 percentage point more than another seed does, and Kendall's tau "
        "between the two orders of the pruners is at least 0.1 below that between seeds. Refuted where a "
        "change is surely smaller.",
        frames_disagree,
    ),
    5: Claim(
        "Effective pruning hits its target at low cost.",
        "At least 95 % of the effectively pruned subnetworks have an effective compression within 10 % of "
        "their target (refuted below 50 %), and pruning takes at most 5 % of the time of retraining "
        "(refuted above 50 %), measured on random pruning, whose scores cost nothing. Training of reduced "
        "length may confirm the cost, but not refute it.",
        effective_pruning_hits_cheaply,
    ),
    6: Claim(
        "Random pruning with suitable layerwise quotas does as well as or better than more sophisticated "
        "algorithms at initialisation.",
        "At equal effective compression, random pruning with ideal gas quotas is worse than each of SNIP, "
        "SNIP-iterative and SynFlow (and GraSP, where the study has it) by at most 1 percentage point of "
        "test accuracy, averaged over compressions. Refuted if it is surely worse than one of them by more.",
        random_pruning_is_as_good_as_saliency,
    ),
    7: Claim(
        "Ideal gas quotas beat the other quotas for random pruning, and are competitive for magnitude "
        "pruning.",
        "At equal effective compression, averaged over compressions, random pruning with ideal gas quotas "
        "is more accurate than with each other quota, and magnitude pruning with them is worse than each "
        "other kind of magnitude pruning by at most 1 percentage point. Refuted if one comparison surely "
        "says the contrary.",
        igq_is_the_best_quota,
    ),
}
