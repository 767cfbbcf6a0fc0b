"""Rankings on disk: priorities alone, since effective priorities follow from them and the network."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.pruning.ranking import Priorities
from effective_sparsity.storage import TensorFile, stream_tensors

# The key of a ranking that serves every compression.
ONE_SHOT = "all"


def save_rankings(path: Path | str, levels: list[str], rankings: Iterable[Priorities]) -> None:
    """Write one ranking per level of an iterative pruner, else one under the level `ONE_SHOT`.

    They are asked for one after another, so that only one need be in memory.
    """
    rankings = iter(rankings)
    first = next(rankings)
    shapes = {
        f"{level}/{name}": shape
        for level in levels
        for name, shape in {
            **{f"priority/{name}": layer.shape for name, layer in first.layers.items()},
            "limits": (2,),
        }.items()
    }
    stream_tensors(path, shapes, chain.from_iterable(map(_parts, chain([first], rankings))), levels=levels)


def _parts(ranking: Priorities) -> Iterator[np.ndarray]:
    yield from ranking.layers.values()
    yield np.array([ranking.floor, ranking.ceiling], np.int32)


class RankingFile:
    """Rankings read back, each when it is asked for."""

    def __init__(self, path: Path | str):
        self._path = path
        self._file = TensorFile(path)

    @property
    def levels(self) -> list[str]:
        """The keys it was saved with."""
        return self._file.metadata["levels"]

    def __getitem__(self, level: str) -> Priorities:
        """The priorities of a level, or those that serve all levels.

        Raises:
            DamagedFileError: the file has no such level.
        """
        key = ONE_SHOT if ONE_SHOT in self.levels else level
        if key not in self.levels:
            raise DamagedFileError(self._path, f"it has no ranking of level {key}")
        floor, ceiling = self._file[f"{key}/limits"].tolist()
        return Priorities(self._file.group(f"{key}/priority"), floor, ceiling)
