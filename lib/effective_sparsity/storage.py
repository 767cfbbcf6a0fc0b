"""Files of tensors: written whole or not at all, read without unpickling, with a checksum of each tensor."""

import json
import math
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from effective_sparsity.errors import DamagedFileError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        # A write does not say where it failed, and nobody knows the temporary path.
        if error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def save_tensors(path: Path | str, tensors: dict[str, np.ndarray], **metadata) -> None:
    """Write named arrays and JSON-able metadata to a safetensors file, atomically."""
    # Not ascontiguousarray, which makes a vector of a number.
    contiguous = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    checksums = list(map(_checksum, contiguous.values()))
    with replacing(path) as temporary:
        # Not save_file, which makes files that others may not read.
        temporary.write_bytes(save(contiguous, _metadata(list(tensors), checksums, metadata)))


def stream_tensors(
    path: Path | str, shapes: dict[str, tuple[int, ...]], tensors: Iterable[np.ndarray], **metadata
) -> None:
    """As `save_tensors`, for int32 arrays that are made one after another: they are never in memory at once.

    Args:
        shapes: of the arrays, by name.
        tensors: the arrays, in the same order.
    """
    entries = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        entries[name] = {"dtype": "I32", "shape": shape, "data_offsets": [start, end]}

    def header(checksums: list[str]) -> bytes:
        content = {"__metadata__": _metadata(list(shapes), checksums, metadata)} | entries
        encoded = json.dumps(content).encode()
        encoded += b" " * (-len(encoded) % 8)
        return len(encoded).to_bytes(8, "little") + encoded

    checksums = []
    with replacing(path) as temporary, temporary.open("wb") as file:
        # Checksums have one length, so the header that has them takes the place of this one.
        file.write(header([_checksum(np.empty(0))] * len(shapes)))
        for (name, shape), tensor in zip(shapes.items(), tensors, strict=True):
            if tensor.dtype != np.int32 or tensor.shape != tuple(shape):
                raise ValueError(f"{name} is {tensor.dtype} {tensor.shape}, not int32 {shape}")
            stored = np.asarray(tensor, "<i4", order="C")
            checksums.append(_checksum(stored))
            # Not tofile, which does not say why it could not write.
            file.write(stored.data)
        file.seek(0)
        file.write(header(checksums))


def _metadata(names: list[str], checksums: list[str], metadata: dict) -> dict[str, str]:
    # The format sorts tensors, so their order is kept here; it shuffles metadata entries, so there is one.
    return {"header": json.dumps({"names": names, "checksums": checksums, **metadata})}


def _checksum(array: np.ndarray) -> str:
    """CRC-32 of the bytes of a contiguous array: against damage, not against forgery."""
    return f"{zlib.crc32(array.reshape(-1).view(np.uint8).data):08x}"


class _Metadata(dict):
    """What was saved beside the tensors; a key that is missing means another kind of file."""

    def __init__(self, path: Path | str, entries: dict):
        super().__init__(entries)
        self._path = path

    def __missing__(self, key: str):
        raise DamagedFileError(self._path, f"it has no {key}")


class TensorFile:
    """A safetensors file written by `save_tensors`; tensors are read when they are asked for.

    Raises:
        DamagedFileError: the file was not written by `save_tensors`, or has changed since.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path | str):
        self._path = path
        with Path(path).open("rb"):  # for an OSError that names the file
            pass
        try:
            self._file = safe_open(path, framework="numpy")
            self.metadata = _Metadata(path, json.loads(self._file.metadata()["header"]))
            self.names: list[str] = self.metadata.pop("names")
            # Files of earlier versions have no checksums.
            checksums = self.metadata.pop("checksums", [None] * len(self.names))
            self._checksums = dict(zip(self.names, checksums, strict=True))
        except (SafetensorError, LookupError, TypeError, ValueError) as error:
            raise DamagedFileError(path, error) from error

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            tensor = self._file.get_tensor(name)
        except SafetensorError as error:
            raise DamagedFileError(self._path, error) from error
        expected = self._checksums.get(name)
        if expected and _checksum(tensor) != expected:
            raise DamagedFileError(self._path, f"the checksum of {name} is not {expected}")
        return tensor

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        """The tensors named `prefix/...`, by the rest of their names, in the order of saving."""
        start = f"{prefix}/"
        return {name.removeprefix(start): self[name] for name in self.names if name.startswith(start)}

    def tensors(self) -> dict[str, np.ndarray]:
        """All tensors, in the order in which they were saved."""
        return {name: self[name] for name in self.names}
