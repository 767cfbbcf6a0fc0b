"""Training state on disk, from which a killed job resumes."""

import glob
import hashlib
import logging
import os
import time
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import load, save

from effective_sparsity.errors import UserError
from effective_sparsity.storage import replacing

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


class Checkpoint:
    """A file with the arrays that training needs to resume.

    The file is replaced in one piece, so a kill at any moment leaves the old state or the new one. A file
    that is damaged, or of another run, is ignored with a warning; a disk that cannot take the file costs a
    warning too, never the training. As a context manager it keeps the file to itself: two runs with one file
    would lose each other's work.

    Args:
        path: Where the file lies; None for no checkpoints.
        run: What identifies the run: its `Run.identity`.

    Raises:
        UserError: On entry, if another run holds the file.
    """

    def __init__(self, path: str | os.PathLike | None, run: str):
        self.path = None if path is None else Path(path)
        self.run = run
        self.written = time.monotonic()

    def __enter__(self) -> "Checkpoint":
        if self.path is not None:
            self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), blocking=False)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()
            except Timeout:
                raise UserError(
                    f"{self.path}: another run is training with this file; wait for it, or name another file"
                ) from None
            except OSError as error:
                log.warning("%s: cannot be locked, training continues (%s)", self.path, error)
            # What processes left that were killed while they wrote.
            for rubbish in self.path.parent.glob(f".{glob.escape(self.path.name)}.[0-9]*"):
                rubbish.unlink(missing_ok=True)
        return self

    def __exit__(self, *_) -> None:
        if self.path is not None:
            if self._lock.is_locked:
                Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()

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
            log.warning("%s: training state not written, training continues (%s)", self.path, error)

    def _seal(self, arrays) -> bytes:
        """Ties the arrays to the run and to each other."""
        return fingerprint(run=self.run, arrays=arrays).encode()
