"""Pruning and effective sparsity of PyTorch models."""

from importlib import import_module

# Where each public name lives; imported at first use, because importing torch takes seconds.
_HOMES = {
    "UserError": "errors",
    "compact": "compaction",
    "compression_curve": "connectivity",
    "effective_masks": "connectivity",
    "effective_scores": "connectivity",
    "sparsity_report": "connectivity",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__
