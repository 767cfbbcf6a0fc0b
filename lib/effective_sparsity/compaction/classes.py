"""Units that can only be cut together, and why some cannot be cut."""

import numpy as np


class Classes:
    """A partition of units, which are numbered from 0; unit 0 is fixed from the start.

    Units are joined where operations tie them to each other, and fixed where an operation needs them. The
    first reason given for a unit is the one that is reported.
    """

    def __init__(self) -> None:
        self._parents = [0]
        self._reasons: dict[int, str] = {0: "the width is fixed"}

    def __len__(self) -> int:
        return len(self._parents)

    def new(self, count: int) -> np.ndarray:
        """Units that are tied to nothing."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def find(self, units: np.ndarray) -> np.ndarray:
        """For each unit the number that stands for its class, in the shape of the units."""
        roots = [self._find(unit) for unit in units.reshape(-1).tolist()]
        return np.array(roots, np.int64).reshape(units.shape)

    def join(self, units: np.ndarray, others: np.ndarray) -> None:
        """Ties units to others, pair by pair; tying a unit to a fixed one fixes it."""
        for unit, other in zip(units.reshape(-1).tolist(), others.reshape(-1).tolist(), strict=True):
            a, b = sorted((self._find(unit), self._find(other)))
            if a != b:
                self._parents[b] = a
                if b in self._reasons:
                    self._reasons.setdefault(a, self._reasons[b])

    def fix(self, units: np.ndarray, reason: str) -> bool:
        """Keeps units, whatever they do; whether any of them was not fixed before."""
        news = False
        for root in set(self.find(units).reshape(-1).tolist()):
            if root not in self._reasons:
                self._reasons[root] = reason
                news = True
        return news

    def reason(self, unit: int) -> str | None:
        """Why a unit is fixed; None if it is not."""
        return self._reasons.get(self._find(unit))

    def fixed(self) -> np.ndarray:
        """For each number that stands for a class, whether it is fixed."""
        marks = np.zeros(len(self), bool)
        marks[list(self._reasons)] = True
        return marks

    def _find(self, unit: int) -> int:
        root = unit
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[unit] != root:
            self._parents[unit], unit = root, self._parents[unit]
        return root
