"""Functions that numba compiles, in a cache on disk that processes share. Imports numba."""

import hashlib
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import IndexDataCacheFile


def compiled(**options: Any) -> Callable[[Callable], Any]:
    """`numba.njit` with a cache, for functions that processes may compile for different types at once.

    Args:
        options: those of `numba.njit`.
    """

    def decorate(function: Callable) -> Any:
        kernel: Any = numba.njit(cache=True, **options)(function)
        if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            kernel._cache._cache_file.__class__ = _NamedAfterTypes
        return kernel

    return decorate


class _NamedAfterTypes(IndexDataCacheFile):
    """Files of code whose names follow from what the code was compiled for.

    Numba counts them. Two processes that compile a function for different types at once take the same number,
    and from then on one of the types runs the code of the other, often without an error.
    """

    def save(self, key: Any, data: Any) -> None:
        digest = hashlib.sha256(repr((key, self._source_stamp)).encode()).hexdigest()
        name = self._data_name(int(digest[:15], 16))
        self._save_data(name, data)
        self._save_index(self._load_index() | {key: name})
