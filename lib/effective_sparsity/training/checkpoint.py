"""Training state on disk, so that a killed job goes on where it was."""

import hashlib
import logging
import os
import time
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.storage import replacing
from effective_sparsity.training.recipe import Recipe

log = logging.getLogger(__name__)

# Seconds of wall time between two writes.
INTERVAL = 30.0


def fingerprint(**parts) -> str:
    """A text that identifies a training run by all that decides its result.

    Args:
        parts: Values with an exact `repr`, arrays, or dicts and lists of these.
    """
    digest = hashlib.sha256()

    def add(value):
        if isinstance(value, dict):
            for key in sorted(value):
                digest.update(f"{key}:".encode())
                add(value[key])
        elif isinstance(value, list):
            digest.update(f"[{len(value)}]".encode())
            for item in value:
                add(item)
        elif isinstance(value, np.ndarray):
            digest.update(f"{value.dtype}{value.shape}".encode())
            digest.update(np.asarray(value, order="C").reshape(-1).view(np.uint8))
        else:
            digest.update(repr(value).encode())

    add(parts)
    return digest.hexdigest()


def run_fingerprint(engine: str, initial, masks, dataset: Dataset, recipe: Recipe, seed: int) -> str:
    """The `fingerprint` of training from an initial state with masks."""
    arrays = [dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels]
    return fingerprint(
        engine=engine,
        initial=initial,
        masks=masks,
        data=[*arrays, dataset.mean, dataset.std],
        recipe=recipe,
        seed=seed,
    )


class Checkpoint:
    """A file with the arrays that training needs to go on.

    The file is replaced in one piece, so a kill at any moment leaves the old state or the new one. A file
    that is damaged, or of another run, is ignored with a warning; a disk that cannot take the file costs a
    warning too, never the training.

    Args:
        path: Where the file lies; None for no checkpoints.
        run: What identifies the run: its `run_fingerprint`.
    """

    def __init__(self, path: str | os.PathLike | None, run: str):
        self.path = None if path is None else Path(path)
        self.run = run
        self.written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to write again."""
        return self.path is not None and time.monotonic() - self.written >= INTERVAL

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays last written by this run, or None if there are none that can be trusted."""
        if self.path is None or not self.path.exists():
            return None
        try:
            content = {name: array.copy() for name, array in load(self.path.read_bytes()).items()}
        except (OSError, SafetensorError) as error:
            log.warning("%s: ignored, not readable as training state (%s)", self.path, error)
            return None
        seal = content.pop("seal", np.empty(0, np.uint8)).tobytes()
        if seal != self._seal(content):
            log.warning("%s: ignored, damaged or the state of another run", self.path)
            return None
        return content

    def save(self, arrays: dict[str, np.ndarray]) -> None:
        """Replace the file by these arrays."""
        if self.path is None:
            return
        self.written = time.monotonic()
        arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        try:
            with replacing(self.path) as part, part.open("wb") as file:
                file.write(save(arrays | {"seal": np.frombuffer(self._seal(arrays), np.uint8)}))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.warning("%s: training state not written, training goes on (%s)", self.path, error)

    def _seal(self, arrays) -> bytes:
        """Ties the arrays to the run and to each other."""
        return fingerprint(run=self.run, arrays=arrays).encode()
