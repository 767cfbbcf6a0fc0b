"""From a pruner to its ranking, with effective priorities."""

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.pruning.pruners import Inputs, Pruner
from effective_sparsity.pruning.ranking import Ranking


def rank(pruner: Pruner, inputs: Inputs, connectivity: Connectivity) -> Ranking:
    """The ranking of `pruner` for `inputs`; `connectivity` is that of the network."""
    return pruner.priorities(inputs).ranking(connectivity)
