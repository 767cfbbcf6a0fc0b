"""Orders inside a layer: the rank of each weight, 1 kept longest."""

import numpy as np

from effective_sparsity.connectivity.vectors import stable_argsort

# By parameter name, in the order of the model, each array shaped like its weight.
Layers = dict[str, np.ndarray]

# Names the random streams of this module among all that start from a study's seed.
_RANDOM_ORDER = 1


def by_score(scores: Layers) -> Layers:
    """Ranks by falling score; of equal scores the earlier weight ranks first. Shapes as in `scores`."""
    return {name: _ranks(stable_argsort(-score.reshape(-1)), score) for name, score in scores.items()}


def at_random(weights: Layers, seed: int) -> Layers:
    """A random order of each layer; all pruners of a seed share it, so they differ in their quotas alone."""
    return {
        name: _ranks(np.random.default_rng([seed, _RANDOM_ORDER, layer]).permutation(weight.size), weight)
        for layer, (name, weight) in enumerate(weights.items())
    }


def redistribute(scores: Layers, ranks: Layers) -> Layers:
    """The scores of each layer handed out anew: the weight of rank r gets the r-th largest.

    Every threshold keeps as many weights of a layer as before, but those that `ranks` prefers.
    """
    return {
        name: np.sort(score.reshape(-1))[::-1][ranks[name] - 1]  # indexing gives the shape of the ranks
        for name, score in scores.items()
    }


def _ranks(best_first: np.ndarray, like: np.ndarray) -> np.ndarray:
    rank = np.empty(like.size, np.int32)
    rank[best_first] = np.arange(1, like.size + 1, dtype=np.int32)
    return rank.reshape(like.shape)
