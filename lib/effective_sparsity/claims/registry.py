"""The paper's claims with the criteria by which they are judged (no torch).

docs/claims.md has the reasons. The numbers in the criteria are those of the code that measures.
"""

from collections.abc import Callable
from dataclasses import dataclass

from effective_sparsity.claims import comparisons, discrepancy, extension, frames
from effective_sparsity.claims.evidence import Part
from effective_sparsity.figures.tables import HIT, Tables


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        statement: what the paper claims.
        criterion: when it is confirmed, in words.
        parts: the function that measures it in the tables of one network.
        any_suffices: whether one confirmed part confirms it; else all primary parts must hold.
        architecture: the network that the claim is about; all networks if empty.
    """

    statement: str
    criterion: str
    parts: Callable[[Tables], list[Part]]
    any_suffices: bool = False
    architecture: str = ""


CLAIMS = {
    1: Claim(
        "Effective compression of randomly pruned LeNet-300-100 can be orders of magnitude above direct "
        "compression.",
        "At one primary level at least, the mean active share of the weights that random pruning with "
        f"uniform quotas keeps is at most 1/{discrepancy.ORDERS_OF_MAGNITUDE}.",
        discrepancy.random_pruning_loses_orders_of_magnitude,
        any_suffices=True,
        architecture="lenet-300-100",
    ),
    2: Claim(
        "SynFlow shows no discrepancy between effective and direct compression.",
        f"Kept over active weights, directly pruned, is at most {discrepancy.NONE} in the geometric mean "
        f"over the levels that keep at least {discrepancy.ENOUGH} weights.",
        discrepancy.synflow_loses_nothing,
    ),
    3: Claim(
        "Up to compressions of 10 to 100 the discrepancy is negligible; it grows for thinner subnetworks.",
        f"Kept over active weights, directly pruned, is at most {discrepancy.NEGLIGIBLE} for each pruner at "
        f"{discrepancy.THICK} and at {discrepancy.MIDDLE}, and grows by at least that factor from "
        f"{discrepancy.THICK} to {discrepancy.THIN:,} in the geometric mean over pruners.",
        discrepancy.discrepancy_grows_from_nothing,
    ),
    4: Claim(
        "Absolute and relative performance of pruners changes when compared at equal effective compression.",
        f"Effective instead of direct pruning to the same target raises test accuracy by at least "
        f"{frames.ACCURACY:g} point, lowers Kendall's tau between the orders of the pruners by at least "
        f"{frames.ORDER:g}, and changes SNIP's lead over SynFlow by at least {frames.ACCURACY:g} point.",
        frames.frames_disagree,
    ),
    5: Claim(
        "Effective pruning hits its target at low cost.",
        f"Up to a compression of 1,000 at least {extension.HITS:.0%} of the effectively pruned subnetworks "
        f"are within {HIT:.0%} of their target, and pruning takes at most {extension.COST:.0%} of the CPU "
        "time of retraining. Shortened training may confirm the cost, but not refute it.",
        extension.effective_pruning_hits_cheaply,
    ),
    6: Claim(
        "Random pruning with suitable layerwise quotas does as well as or better than more sophisticated "
        "algorithms at initialisation.",
        "At equal effective compression, random pruning with ideal gas quotas is less accurate than each "
        f"saliency by at most {comparisons.MARGIN:g} point, mean over primary levels.",
        comparisons.random_pruning_is_as_good_as_saliency,
    ),
    7: Claim(
        "Ideal gas quotas beat the other quotas for random pruning, and are competitive for magnitude "
        "pruning.",
        "At equal effective compression, mean over primary levels, random pruning with ideal gas quotas is "
        "at least as accurate as with each other quota, and magnitude pruning with them is less accurate "
        f"than each other kind by at most {comparisons.MARGIN:g} point.",
        comparisons.igq_is_the_best_quota,
    ),
}
