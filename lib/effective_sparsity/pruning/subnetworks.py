"""Subnetworks of a ranking at all levels: masks as bits, and their counts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.pruning.ranking import Criterion, Ranking, as_compression
from effective_sparsity.storage import TensorFile, save_tensors

Masks = dict[str, np.ndarray]

CURVE_POINTS = 200


@dataclass(frozen=True)
class Subnetwork:
    """What is left at one level: boolean masks of the kept and of the active weights, by parameter name."""

    kept: Masks
    active: Masks


def subnetwork(ranking: Ranking, criterion: Criterion, compression: float) -> Subnetwork | None:
    """The subnetwork of `ranking` at a target compression; None if the ranking does not reach it."""
    threshold = ranking.threshold(criterion, compression)
    if threshold is None:
        return None
    return Subnetwork(ranking.kept(threshold), ranking.active(threshold))


def layer_counts(subnetwork: Subnetwork | None) -> pd.DataFrame:
    """One row per layer: layer (the parameter's name), n_weights, n_kept, n_active; no rows for None."""
    rows = [
        (name, kept.size, int(kept.sum()), int(subnetwork.active[name].sum()))
        for name, kept in (subnetwork.kept.items() if subnetwork else ())
    ]
    return pd.DataFrame(rows, columns=["layer", "n_weights", "n_kept", "n_active"])


def curve(ranking: Ranking, n_points: int = CURVE_POINTS) -> pd.DataFrame:
    """Effective against direct compression of the whole ranking, at log-spaced counts of kept weights.

    Columns n_kept, n_active, direct_compression, effective_compression (infinite where nothing is active);
    n_points rows, fewer where rounded counts coincide, from N kept weights to 1.
    """
    n_weights = ranking.n_weights
    n_kept = np.unique(np.rint(np.geomspace(n_weights, 1, n_points)).astype(int))[::-1]
    n_active = [ranking.n_active(n_weights - kept + 1) for kept in n_kept]
    return pd.DataFrame(
        {
            "n_kept": n_kept,
            "n_active": n_active,
            "direct_compression": n_weights / n_kept,
            "effective_compression": [as_compression(n_weights, active) for active in n_active],
        }
    )


class SubnetworkWriter:
    """Collects subnetworks, one bit per mask entry, and writes them to one file."""

    def __init__(self):
        self._tensors, self._shapes, self._keys = {}, {}, []

    def add(self, key: str, subnetwork: Subnetwork | None) -> None:
        """Add a subnetwork under `key`; None stands for a level that is out of reach."""
        self._keys.append(key)
        if subnetwork is None:
            return
        for kind, masks in (("kept", subnetwork.kept), ("active", subnetwork.active)):
            for name, mask in masks.items():
                self._tensors[f"{key}/{kind}/{name}"] = np.packbits(mask)
                self._shapes[name] = mask.shape

    def save(self, path: Path | str) -> None:
        """Write the file, atomically."""
        save_tensors(path, self._tensors, keys=self._keys, shapes=self._shapes)


class SubnetworkFile:
    """Subnetworks read back, each when it is asked for."""

    def __init__(self, path: Path | str):
        self._path = path
        self._file = TensorFile(path)

    def __getitem__(self, key: str) -> Subnetwork | None:
        """The subnetwork added as `key`; None if that level is out of reach.

        Raises:
            DamagedFileError: nothing was added under this key.
        """
        if key not in self._file.metadata["keys"]:
            raise DamagedFileError(self._path, f"it has no subnetwork {key}")
        kept, active = (self._masks(f"{key}/{kind}") for kind in ("kept", "active"))
        return Subnetwork(kept, active) if kept else None

    def _masks(self, prefix: str) -> Masks:
        shapes = self._file.metadata["shapes"]
        return {name: unpack(bits, shapes[name]) for name, bits in self._file.group(prefix).items()}


def unpack(bits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The boolean array of `shape` whose `numpy.packbits` is `bits`."""
    return np.unpackbits(bits, count=int(np.prod(shape))).view(bool).reshape(shape)
