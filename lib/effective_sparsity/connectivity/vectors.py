"""Named arrays as one vector."""

from collections.abc import Mapping

import numpy as np


def flatten(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """All entries of `arrays` in one vector, in the order of the mapping."""
    return np.concatenate([np.asarray(array).reshape(-1) for array in arrays.values()])


def unflatten(vector: np.ndarray, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `flatten`: views of `vector` with the names and shapes of `like`."""
    ends = np.cumsum([array.size for array in like.values()])
    pieces = np.split(vector, ends[:-1])
    return {name: piece.reshape(like[name].shape) for name, piece in zip(like, pieces, strict=True)}
