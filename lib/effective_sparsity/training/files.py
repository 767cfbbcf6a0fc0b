"""Trained networks on disk: the weights that were trained and their places, nothing for pruned weights."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from effective_sparsity.storage import TensorFile, save_tensors
from effective_sparsity.training.result import HISTORY_COLUMNS, Trained

Masks = dict[str, np.ndarray]


@dataclass(frozen=True)
class TrainedFile:
    """A network read back.

    Attributes:
        status: as in `Trained`, or "unreachable" if there was no subnetwork to train.
        steps: optimizer steps done.
        state: as in `Trained`; empty if unreachable.
        history: as in `Trained`.
        hardware: what it was trained on, see `hardware.hardware`; None if that is not known.
    """

    status: str
    steps: int
    state: dict[str, np.ndarray]
    history: pd.DataFrame
    hardware: str | None


def save_trained(path: Path | str, trained: Trained, masks: Masks, hardware: str | None = None) -> None:
    """Write a trained network; of each parameter in `masks` only the entries under its mask.

    Args:
        hardware: what it was trained on, for the records.

    Raises:
        RuntimeError: a weight outside its mask is not zero, so the training was wrong.
    """
    tensors = {f"history/{column}": trained.history[column].to_numpy() for column in HISTORY_COLUMNS}
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
        hardware=hardware,
    )


def save_unreachable(path: Path | str) -> None:
    """Record that the pruner cannot reach this level."""
    save_tensors(path, {}, status="unreachable", steps=0, state=[], shapes={})


def load_trained(path: Path | str) -> TrainedFile:
    """Read what `save_trained` or `save_unreachable` wrote."""
    file = TensorFile(path)
    shapes = file.metadata["shapes"]

    def value(name: str) -> np.ndarray:
        if name not in shapes:
            return file[f"dense/{name}"]
        values = file[f"values/{name}"]
        full = np.zeros(shapes[name], values.dtype)
        full.reshape(-1)[_places(file[f"mask/{name}"], full.size)] = values
        return full

    return TrainedFile(
        file.metadata["status"],
        file.metadata["steps"],
        {name: value(name) for name in file.metadata["state"]},
        pd.DataFrame(file.group("history"), columns=HISTORY_COLUMNS),
        file.metadata.get("hardware"),
    )


def _packed(mask: np.ndarray) -> np.ndarray:
    """A mask in few bytes: one bit per entry, uint8, or the flat indices of its true entries, uint32."""
    bits, indices = np.packbits(mask), np.flatnonzero(mask).astype(np.uint32)
    return min(bits, indices, key=lambda packed: packed.nbytes)


def _places(packed: np.ndarray, size: int) -> np.ndarray:
    """Where the mask of `size` entries that `_packed` packed is true, as a mask or as indices."""
    return packed if packed.dtype == np.uint32 else np.unpackbits(packed, count=size).view(bool)
