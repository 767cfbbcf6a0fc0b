"""Which parameter a constant comes from, while a model is traced.

Between a parameter and its use lie views (a linear layer multiplies by the transpose) and elementwise
operations with constants (the masks of torch.nn.utils.prune, a weight norm). An arrangement remembers the
moves; replayed on the numbers of the elements they tell where each of them stands.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from effective_sparsity.connectivity.graph import Operand
from effective_sparsity.connectivity.views import View


@dataclass(frozen=True)
class Arrangement:
    """An operand whose elements are those of one parameter, moved.

    Attributes:
        parameter: name of the parameter.
        shape: of the parameter.
        moves: functions from tensor to tensor that lead from the parameter to the operand.
    """

    parameter: str
    shape: tuple[int, ...]
    moves: tuple[Callable[[Tensor], Tensor], ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters in it: one."""
        return frozenset([self.parameter])

    def then(self, move: Callable[[Tensor], Tensor]) -> "Arrangement":
        """The arrangement after one more move."""
        return Arrangement(self.parameter, self.shape, (*self.moves, move))

    def of(self, tensor: Tensor) -> Tensor:
        """The operand, from a tensor shaped like the parameter."""
        for move in self.moves:
            tensor = move(tensor)
        return tensor


@dataclass(frozen=True)
class Entangled:
    """An operand computed from parameters in a way that is no arrangement of a single one.

    Attributes:
        parameters: names of the parameters in it.
        operation: name of the operation that mixed them.
    """

    parameters: frozenset[str]
    operation: str


def operand(origin: Arrangement | Entangled | None, shape: tuple[int, ...]) -> Operand:
    """The operand of a constant of this shape."""
    if not isinstance(origin, Arrangement):
        return Operand(shape)
    parameter = torch.empty(origin.shape, dtype=torch.int64)  # never read, so it takes no memory
    moved = origin.of(parameter)
    same_memory = moved.untyped_storage().data_ptr() == parameter.untyped_storage().data_ptr()
    view = View.of(moved)
    repeats = any(moved.shape[dim] > 1 for dim in view.repeated)
    if same_memory and not repeats and not view.interleaves():
        return Operand(shape, origin.parameter, view)
    numbers = origin.of(torch.arange(prod(origin.shape)).view(origin.shape))
    return Operand(shape, origin.parameter, origin=numbers.flatten().numpy())


def nonzero(weights: Iterable[tuple[Operand, Tensor]], shapes: dict[str, tuple[int, ...]]):
    """Which weights are not zero as a model computes them, by a mask, a norm or nothing.

    Args:
        weights: operands, with what the model multiplied by.
        shapes: of the parameters by name.

    Returns:
        Name -> boolean array, for each parameter of which an operand has zeros; elements in no operand are
        True. And the names of those parameters whose values are unknown, on the meta device.
    """
    uses: dict[str, list[tuple[Operand, Tensor]]] = {}
    for operand_, tensor in weights:
        uses.setdefault(str(operand_.parameter), []).append((operand_, tensor))
    masks, unknown = {}, set()
    for name, used in uses.items():
        if any(tensor.is_meta for _, tensor in used):
            unknown.add(name)
        elif any(tensor.count_nonzero() < tensor.numel() for _, tensor in used):
            masks[name] = _nonzero(used, shapes[name])
    return masks, unknown


def _nonzero(used: list[tuple[Operand, Tensor]], shape: tuple[int, ...]) -> np.ndarray:
    kept = np.zeros(shape, bool)
    if len(used) == 1 and used[0][0].view is not None and used[0][1].numel() == kept.size:
        used[0][0].of(kept)[...] = (used[0][1] != 0).numpy()
        return kept
    seen = np.zeros(shape, bool)
    for operand_, tensor in used:
        operand_.raise_to(kept, (tensor != 0).numpy())
        operand_.raise_to(seen, np.ones(operand_.shape, bool))
    return kept | ~seen
