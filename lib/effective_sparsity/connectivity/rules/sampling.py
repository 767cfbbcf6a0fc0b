"""Pools: one result per window of positions."""

from effective_sparsity.connectivity.calls import Call, Draft, Value
from effective_sparsity.connectivity.operators import AdaptivePooling, Pooling
from effective_sparsity.connectivity.rules.basics import rule
from effective_sparsity.connectivity.windows import Window

_KINDS = [f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)]


@rule(*_KINDS, *(f"{kind}_with_indices" for kind in _KINDS))
def _pool(graph: Draft, call: Call) -> Value:
    x = call["self"]
    spatial = _spatial(call)
    kernel = per_dimension(call["kernel_size"], spatial)
    window = Window(
        kernel=kernel,
        stride=per_dimension(call["stride"], spatial) or kernel,
        padding=per_dimension(call["padding"], spatial),
        dilation=per_dimension(call.get("dilation", 1), spatial),
        size=tuple(x.shape[-spatial:]),
        steps=tuple(call.shape[-spatial:]),
    )
    return graph.emit(Pooling(x.shape, window), [x], call.shape)


@rule(*(f"{prefix}adaptive_{kind}" for prefix in ("", "_") for kind in _KINDS))
def _adaptive_pool(graph: Draft, call: Call) -> Value:
    x = call["self"]
    return graph.emit(AdaptivePooling(x.shape, call.shape[-_spatial(call) :]), [x], call.shape)


def _spatial(call: Call) -> int:
    """Number of dimensions of positions, which the name of the operation holds."""
    return int(call.name.partition("_pool")[2][0])


def per_dimension(setting, spatial: int) -> tuple[int, ...]:
    """A setting of a window, which may be given once for all dimensions."""
    setting = [setting] if isinstance(setting, int) else list(setting)
    return tuple(setting * spatial if len(setting) == 1 else setting)
