"""Files of tensors: written whole or not at all, read without unpickling."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from effective_sparsity.errors import UserError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_tensors(path: Path | str, tensors: dict[str, np.ndarray], **metadata) -> None:
    """Write named arrays and JSON-able metadata to a safetensors file, atomically."""
    # Not ascontiguousarray, which makes a vector of a number.
    contiguous = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    # The format sorts tensors, so their order is kept here; it shuffles metadata entries, so there is one.
    header = {"header": json.dumps({"names": list(tensors), **metadata})}
    with replacing(path) as temporary:
        # Not save_file, which makes files that others may not read.
        temporary.write_bytes(save(contiguous, header))


def stream_tensors(
    path: Path | str, shapes: dict[str, tuple[int, ...]], tensors: Iterable[np.ndarray], **metadata
) -> None:
    """As `save_tensors`, for int32 arrays that are made one after another: they are never in memory at once.

    Args:
        shapes: of the arrays, by name.
        tensors: the arrays, in the same order.
    """
    entries = {"__metadata__": {"header": json.dumps({"names": list(shapes), **metadata})}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        entries[name] = {"dtype": "I32", "shape": shape, "data_offsets": [start, end]}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for (name, shape), tensor in zip(shapes.items(), tensors, strict=True):
            if tensor.dtype != np.int32 or tensor.shape != tuple(shape):
                raise ValueError(f"{name} is {tensor.dtype} {tensor.shape}, not int32 {shape}")
            tensor.astype("<i4", copy=False).tofile(file)


class TensorFile:
    """A safetensors file written by `save_tensors`; tensors are read when they are asked for.

    Raises:
        UserError: the file is damaged or was not written by `save_tensors`.
    """

    def __init__(self, path: Path | str):
        try:
            self._file = safe_open(path, framework="numpy")
            self.metadata = json.loads(self._file.metadata()["header"])
            self.names: list[str] = self.metadata.pop("names")
        except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise UserError(f"{path}: damaged or foreign file ({error}); delete it and run again") from error

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> np.ndarray:
        return self._file.get_tensor(name)

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        """The tensors named `prefix/...`, by the rest of their names, in the order of saving."""
        start = f"{prefix}/"
        return {name.removeprefix(start): self[name] for name in self.names if name.startswith(start)}

    def tensors(self) -> dict[str, np.ndarray]:
        """All tensors, in the order in which they were saved."""
        return {name: self[name] for name in self.names}
