"""A last look: the compacted network and the masked one on random inputs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from effective_sparsity.compaction.plan import Plan
from effective_sparsity.errors import UserError

_BATCH = 3
_TOLERANCE = 1e-9  # of the largest output; float64 differs by some 1e-14 for each layer


def verify(model: nn.Module, small: nn.Module, plan: Plan, input_shape: Sequence[int]) -> None:
    """Compares both on random inputs.

    Args:
        model, small: in float64 and evaluation mode.

    Raises:
        UserError: their outputs differ; the message names the first layer that does.
    """
    random = torch.Generator().manual_seed(0)
    x = torch.randn(_BATCH, *input_shape, generator=random, dtype=torch.float64)
    try:
        expected, results = _run(model, x, plan)
    except (AssertionError, RuntimeError):  # such as a program that was exported for one sample
        x = x[:1]
        expected, results = _run(model, x, plan)
    found, small_results = _run(small, x, plan)
    if len(expected) == len(found) and all(map(_close, expected, found)):
        return
    culprit = "its outputs"
    for name, kernel in plan.kernel_layers.items():
        if plan.runs(name):
            kept = torch.from_numpy(plan.keeps(kernel.outputs))
            before, after = (layers[name].movedim(kernel.axis, 0) for layers in (results, small_results))
            if not _close(before[kept], after):
                culprit = name
                break
    raise UserError(
        f"the compacted network differs from the masked one at {culprit}; please report this model"
    )


def _run(model: nn.Module, x: Tensor, plan: Plan) -> tuple[list[Tensor], dict[str, Tensor]]:
    results: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _module, _args, result, name=name: results.__setitem__(name, result.detach().clone())
        )
        for name in plan.kernel_layers
        if plan.runs(name)
    ]
    try:
        with torch.no_grad():
            outputs = [leaf for leaf in tree_leaves(model(x)) if isinstance(leaf, Tensor)]
    finally:
        for handle in handles:
            handle.remove()
    return outputs, results


def _close(a: Tensor, b: Tensor) -> bool:
    finite = a[a.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    return a.shape == b.shape and torch.allclose(
        a, b, rtol=0, atol=_TOLERANCE * max(largest, 1e-300), equal_nan=True
    )
