"""Pruning and effective sparsity of PyTorch models."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from effective_sparsity.compaction import compact
    from effective_sparsity.connectivity import (
        Connectivity,
        compression_curve,
        effective_masks,
        effective_scores,
        live_inputs,
        sparsity_report,
    )
    from effective_sparsity.errors import UserError

__all__ = [
    "Connectivity",
    "UserError",
    "compact",
    "compression_curve",
    "effective_masks",
    "effective_scores",
    "live_inputs",
    "sparsity_report",
]


def __getattr__(name: str) -> object:
    """A public name, imported at its first use, because importing torch takes seconds."""
    if name == "__version__":
        return import_module("importlib.metadata").version("effective-sparsity")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = {"UserError": "errors", "compact": "compaction"}.get(name, "connectivity")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
