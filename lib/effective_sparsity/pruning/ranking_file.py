"""Rankings on disk."""

from functools import lru_cache
from pathlib import Path

from effective_sparsity.errors import UserError
from effective_sparsity.pruning.ranking import Ranking
from effective_sparsity.storage import TensorFile, save_tensors

# The key of a ranking that serves every compression.
ONE_SHOT = "all"


def save_rankings(path: Path | str, rankings: dict[str, Ranking]) -> None:
    """Write rankings by level: one per level of an iterative pruner, else one under `ONE_SHOT`."""
    tensors = {
        f"{level}/{kind}/{name}": priority
        for level, ranking in rankings.items()
        for kind, layers in (("priority", ranking.priority), ("effective", ranking.effective))
        for name, priority in layers.items()
    }
    limits = {level: [ranking.floor, ranking.ceiling] for level, ranking in rankings.items()}
    save_tensors(path, tensors, limits=limits)


class RankingFile:
    """Rankings read back, each when it is asked for."""

    def __init__(self, path: Path | str):
        self._path = path
        self._file = TensorFile(path)

    @property
    def levels(self) -> list[str]:
        """The keys it was saved with."""
        return list(self._file.metadata["limits"])

    def __getitem__(self, level: str) -> Ranking:
        """The ranking of a level, or the one that serves all levels."""
        return self._read(ONE_SHOT if ONE_SHOT in self.levels else level)

    @lru_cache(maxsize=1)  # noqa: B019 - one entry, and the file lives as long as its reader
    def _read(self, key: str) -> Ranking:
        if key not in self.levels:
            raise UserError(f"{self._path}: no ranking of level {key}; delete the file and run again")
        floor, ceiling = self._file.metadata["limits"][key]
        return Ranking(
            self._file.group(f"{key}/priority"),
            self._file.group(f"{key}/effective"),
            floor=floor,
            ceiling=ceiling,
        )
