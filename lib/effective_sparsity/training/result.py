"""What training a network gives, in memory and on disk: nothing is stored for pruned weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from effective_sparsity.networks.types import Masks, State
from effective_sparsity.storage import TensorFile, save_tensors

if TYPE_CHECKING:  # jobs that rank or train start without it
    import pandas as pd

HISTORY_COLUMNS = ["step", "train_loss", "test_loss", "test_accuracy"]


def by_column(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Evaluations by column, from rows of shape (n, 4)."""
    columns = dict(zip(HISTORY_COLUMNS, np.asarray(rows, float).T.copy(), strict=True))
    return columns | {"step": columns["step"].astype(np.int64)}


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        state: every parameter and buffer of the network by its name in `state_dict`; pruned weights are 0.
        evaluations: during training, by the names `HISTORY_COLUMNS`: updates done, mean training loss since
            the evaluation before, loss and accuracy (0 to 1) on the test set with running statistics.
        status: "ok", or "diverged" if the training loss was not finite, where training stops, or
            "unreachable" if there was no subnetwork to train.
        steps: updates done: those of the recipe, or fewer after divergence.
        hardware: what it was trained on; None if that is not known.
    """

    state: State
    evaluations: dict[str, np.ndarray]
    status: str
    steps: int
    hardware: str | None = None

    @property
    def history(self) -> pd.DataFrame:
        """One row per evaluation."""
        import pandas as pd

        return pd.DataFrame(self.evaluations, columns=HISTORY_COLUMNS)

    @property
    def test_accuracy(self) -> float:
        """Accuracy at the end of training; NaN after divergence."""
        return self._last("test_accuracy")

    @property
    def test_loss(self) -> float:
        """Loss on the test set at the end of training; NaN after divergence."""
        return self._last("test_loss")

    def _last(self, column: str) -> float:
        return float(self.evaluations[column][-1]) if self.status == "ok" else float("nan")


# The pruner cannot reach the level.
UNREACHABLE = Trained({}, by_column(np.empty((0, 4))), "unreachable", 0)


def save_trained(path: Path | str, trained: Trained, masks: Masks) -> None:
    """Write a trained network; of each parameter in `masks` only the entries under its mask.

    Raises:
        RuntimeError: a weight outside its mask is not zero, so the training was wrong.
    """
    tensors = {f"history/{column}": trained.evaluations[column] for column in HISTORY_COLUMNS}
    for name, value in trained.state.items():
        if name not in masks:
            tensors[f"dense/{name}"] = value
            continue
        if value[~masks[name]].any():
            raise RuntimeError(f"{path}: weights of {name} that were pruned are not zero after training")
        tensors[f"mask/{name}"] = _packed(masks[name])
        tensors[f"values/{name}"] = value[masks[name]]
    save_tensors(
        path,
        tensors,
        status=trained.status,
        steps=trained.steps,
        state=list(trained.state),
        shapes={name: mask.shape for name, mask in masks.items()},
        hardware=trained.hardware,
    )


def load_trained(path: Path | str) -> Trained:
    """Read what `save_trained` wrote."""
    file = TensorFile(path)
    shapes = file.metadata["shapes"]

    def value(name: str) -> np.ndarray:
        if name not in shapes:
            return file[f"dense/{name}"]
        values = file[f"values/{name}"]
        full = np.zeros(shapes[name], values.dtype)
        full.reshape(-1)[_places(file[f"mask/{name}"], full.size)] = values
        return full

    return Trained(
        state={name: value(name) for name in file.metadata["state"]},
        evaluations=file.group("history"),
        status=file.metadata["status"],
        steps=file.metadata["steps"],
        hardware=file.metadata.get("hardware"),
    )


def _packed(mask: np.ndarray) -> np.ndarray:
    """A mask in few bytes: one bit per entry, uint8, or the flat indices of its true entries, uint32."""
    bits, indices = np.packbits(mask), np.flatnonzero(mask).astype(np.uint32)
    return min(bits, indices, key=lambda packed: packed.nbytes)


def _places(packed: np.ndarray, size: int) -> np.ndarray:
    """Where the mask of `size` entries that `_packed` packed is true, as a mask or as indices."""
    return packed if packed.dtype == np.uint32 else np.unpackbits(packed, count=size).view(bool)
