"""A pruner is a ranking: the order in which weights are kept, and the subnetworks that follow from it.

Scores become *priorities*: the numbers 1 to N, larger kept longer, N the count of all prunable weights. They
are what a pruner says; the rest follows from the network. With the *effective* priority of each weight beside
its priority (see `effective_sparsity.connectivity`), the subnetwork that keeps all priorities of at least t
has the weights of effective priority at least t active, whatever t: every compression, direct or effective,
is a threshold.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from effective_sparsity.connectivity.curves import n_at_compression, total_order
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.errors import UserError

if TYPE_CHECKING:
    from effective_sparsity.connectivity import Connectivity

Criterion = Literal["direct", "effective"]


def as_compression(n_weights: int, n_left: int) -> float:
    """n_weights / n_left; infinite if nothing is left."""
    return n_weights / n_left if n_left else float("inf")


@dataclass(frozen=True)
class Priorities:
    """The order in which a pruner keeps all prunable weights.

    Attributes:
        layers: int32, a permutation of 1..N over all layers, by parameter name.
        floor: fewest weights that the pruner can keep (uniform+ never prunes some of them).
        ceiling: most weights that it can keep; N unless the pruner always removes some.
    """

    layers: dict[str, np.ndarray]
    floor: int
    ceiling: int

    @classmethod
    def of(cls, scores: dict[str, np.ndarray]) -> "Priorities":
        """The priorities of scores of which larger are kept longer; +inf is never pruned, -inf always.

        Of equal scores the earlier weight is kept longer.

        Raises:
            UserError: a score is not a number.
        """
        for name, score in scores.items():
            if np.isnan(score).any():
                raise UserError(f"scores of {name}: {np.isnan(score).sum()} are NaN; a ranking needs numbers")
        never_pruned = sum(int(np.isposinf(score).sum()) for score in scores.values())
        always_pruned = sum(int(np.isneginf(score).sum()) for score in scores.values())
        n_weights = sum(score.size for score in scores.values())
        return cls(total_order(scores), floor=never_pruned, ceiling=n_weights - always_pruned)

    def ranking(self, connectivity: "Connectivity", live_inputs: np.ndarray | None = None) -> "Ranking":
        """The ranking of the network that has this connectivity.

        Args:
            live_inputs: where paths begin, a boolean array of the input's shape; None for all of it.
        """
        scores = connectivity.effective_scores(self.layers, live_inputs=live_inputs)
        effective = {name: np.asarray(score) for name, score in scores.items()}
        for score in effective.values():
            # Priorities are positive; what lies on no path has the least integer.
            np.maximum(score, 0, out=score)
        return Ranking(self.layers, effective, self.floor, self.ceiling)


@dataclass(frozen=True)
class Ranking:
    """Priorities of all prunable weights with their effective priorities.

    Attributes:
        priority: int32, a permutation of 1..N over all layers, by parameter name.
        effective: int32, the effective priorities; 0 for a weight on no path of the unpruned network.
        floor, ceiling: as in `Priorities`.
    """

    priority: dict[str, np.ndarray]
    effective: dict[str, np.ndarray]
    floor: int
    ceiling: int

    @cached_property
    def n_weights(self) -> int:
        """N."""
        return sum(priority.size for priority in self.priority.values())

    @cached_property
    def _effective_rising(self) -> np.ndarray:
        return np.sort(flatten(self.effective))

    def n_kept(self, threshold: int) -> int:
        """Weights kept at `threshold`: those of at least that priority."""
        return self.n_weights - threshold + 1

    def n_active(self, threshold: int) -> int:
        """Active weights at `threshold`."""
        # A threshold of another type would convert all priorities.
        return self.n_weights - int(np.searchsorted(self._effective_rising, np.int32(threshold)))

    def threshold(self, criterion: Criterion, compression: float) -> int | None:
        """The threshold at a target compression, or None if no subnetwork of this ranking reaches it.

        Direct pruning keeps `n_at_compression` weights. Effective pruning keeps the fewest weights of which
        at least that many are active, so effective sparsity never exceeds its target.
        """
        n_target = n_at_compression(self.n_weights, compression)
        if criterion == "direct":
            threshold = self.n_weights - n_target + 1
        elif n_target == 0:
            threshold = self.n_weights + 1
        else:
            threshold = int(self._effective_rising[-n_target])
        reachable = threshold > 0 and self.floor <= self.n_kept(threshold) <= self.ceiling
        return threshold if reachable else None

    def kept(self, threshold: int) -> dict[str, np.ndarray]:
        """Boolean masks of the kept weights."""
        return {name: priority >= threshold for name, priority in self.priority.items()}

    def active(self, threshold: int) -> dict[str, np.ndarray]:
        """Boolean masks of the active weights."""
        return {name: priority >= threshold for name, priority in self.effective.items()}
