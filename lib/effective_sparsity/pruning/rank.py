"""From a pruner to its ranking, with effective priorities."""

import numpy as np

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.pruning.pruners import Inputs, Pruner
from effective_sparsity.pruning.ranking import Ranking, flatten, priorities


def rank(pruner: Pruner, inputs: Inputs, connectivity: Connectivity) -> Ranking:
    """The ranking of `pruner` for `inputs`; `connectivity` is that of the network."""
    scores = pruner.scores(inputs)
    priority = priorities(scores)
    effective = connectivity.effective_scores(priority)
    never_pruned = int(np.isposinf(flatten(scores)).sum())
    always_pruned = int(np.isneginf(flatten(scores)).sum())
    return Ranking(
        priority,
        # Priorities are positive; what lies on no path has the least integer.
        {name: np.maximum(score, 0) for name, score in effective.items()},
        floor=never_pruned,
        ceiling=inputs.n_weights - always_pruned,
    )
