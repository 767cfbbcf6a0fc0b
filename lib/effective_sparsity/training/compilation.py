"""Compiled functions that processes share through numba's cache on disk."""

from pathlib import Path

import numba
from filelock import FileLock


def compile_alone(kernel, *arguments) -> None:
    """Compile a function for arguments like these, or load it from numba's cache, one process at a time.

    Numba may load the wrong version of a function (of another argument type, or of its source before a
    change) while another process writes the cache.

    Args:
        kernel: A function made by `numba.njit(cache=True)`.
        arguments: Its arguments, of which only the types matter.
    """
    folder = Path(kernel.stats.cache_path)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "effective_sparsity.lock"):
        kernel.compile(tuple(numba.typeof(argument) for argument in arguments))
