"""The order of the training samples, the same for every network of a seed."""

from functools import lru_cache

import numpy as np

from effective_sparsity.errors import UserError

# Names of the random streams of this module among all that start from a study's seed.
_ORDER, _AUGMENTATION = 3, 4


class Batches:
    """Batches of sample indices: a fresh permutation in each epoch, its last incomplete batch dropped.

    Every step's batch is a pure function of the seed and the step, so training can resume anywhere.

    Args:
        n_samples: Samples in the training set.
        batch_size: Samples in a batch.
        seed: Seed of the order and of the augmentation; at least 0.

    Raises:
        UserError: If there are fewer samples than a batch holds.
    """

    def __init__(self, n_samples: int, batch_size: int, seed: int):
        if not 1 <= batch_size <= n_samples:
            raise UserError(f"batch_size: {batch_size} is not between 1 and the {n_samples} training samples")
        self.n_samples, self.batch_size, self.seed = n_samples, batch_size, seed
        self.steps_per_epoch = n_samples // batch_size
        self._order = lru_cache(maxsize=1)(self._permutation)

    def _permutation(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(self.n_samples)

    def indices(self, step: int) -> np.ndarray:
        """Sample indices of a step: int64, shape (batch_size,), without repetition within an epoch."""
        epoch, position = divmod(step, self.steps_per_epoch)
        return self._order(epoch)[position * self.batch_size : (position + 1) * self.batch_size]

    def random(self, step: int) -> np.random.Generator:
        """A generator for the augmentation of a step."""
        return np.random.default_rng([self.seed, _AUGMENTATION, step])
