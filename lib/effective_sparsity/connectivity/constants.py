"""Constants of a traced run: which parameter their elements come from, and which of these are zero.

Between a parameter and its use lie moves (a linear layer multiplies by the transpose) and elementwise
operations with other constants (the masks of torch.nn.utils.prune, a weight norm), which keep elements in
their places.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from effective_sparsity.connectivity.graph import Operand
from effective_sparsity.connectivity.views import View

Move = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Entangled:
    """The origin of a constant whose elements are not those of one parameter.

    Attributes:
        parameters: names of the parameters in it.
        operation: name of the operation that mixed them.
    """

    parameters: frozenset[str]
    operation: str


Origin = Operand | Entangled | None


def parameters_in(origin: Origin) -> frozenset[str]:
    """Names of the parameters that a constant is made of."""
    if isinstance(origin, Entangled):
        return origin.parameters
    return frozenset() if origin is None else frozenset([str(origin.parameter)])


def whole(parameter: str, shape: tuple[int, ...]) -> Operand:
    """The operand that is a parameter as it stands."""
    return Operand(shape, parameter, View.of(torch.empty(shape, device="meta")))


def moved(operand: Operand, move: Move) -> Operand:
    """The operand after its elements have moved: a view of its parameter if it can be, else a copy.

    Args:
        operand: of a parameter.
        move: the function from tensor to tensor that was applied to it.
    """
    view = operand.view
    if view is None:
        numbers = move(torch.from_numpy(operand.origin).reshape(operand.shape))
    else:
        memory = torch.empty(view.reach, dtype=torch.int64)  # never read, so it takes none
        result = move(memory.as_strided(view.shape, view.strides, view.offset))
        moved_view = View.of(result)
        repeats = any(result.shape[dim] > 1 for dim in moved_view.repeated)
        same_memory = result.untyped_storage().data_ptr() == memory.untyped_storage().data_ptr()
        if same_memory and not repeats and not moved_view.interleaves():
            return Operand(moved_view.shape, operand.parameter, moved_view)
        numbers = move(torch.arange(view.reach).as_strided(view.shape, view.strides, view.offset))
    return Operand(tuple(numbers.shape), operand.parameter, origin=numbers.flatten().numpy())


@dataclass
class Weight:
    """A constant factor.

    Attributes:
        shape: of the factor.
        origin: the parameters in it; None if it has none, and conducts always.
        tensor: the factor as the model computed it, if it is one that was computed.
    """

    shape: tuple[int, ...]
    origin: Origin = None
    tensor: Tensor | None = None

    def moved(self, move: Move, shape: tuple[int, ...]) -> "Weight":
        """The factor of this shape that is a view of this one."""
        origin = moved(self.origin, move) if isinstance(self.origin, Operand) else self.origin
        return Weight(shape, origin, None if self.tensor is None else move(self.tensor))


def nonzero(weights: Iterable[Weight], shapes: dict[str, tuple[int, ...]]):
    """Which weights are not zero as a model computes them, by a mask, a norm or nothing.

    Args:
        weights: all factors of the model.
        shapes: of the parameters by name.

    Returns:
        Name -> boolean array, for each parameter of which a factor has zeros; elements in no factor are True.
        And the names of those of which this cannot be said: their values are unknown, on the meta device, or
        several parameters share a zero.
    """
    uses: dict[str, list[tuple[Operand, Tensor]]] = {}
    mixed = []
    for weight in weights:
        if weight.tensor is None or weight.origin is None:
            continue
        if isinstance(weight.origin, Operand):
            uses.setdefault(str(weight.origin.parameter), []).append((weight.origin, weight.tensor))
        elif weight.tensor.is_meta or (weight.tensor == 0).any():
            mixed.append(", ".join(sorted(weight.origin.parameters)))
    masks, unknown = {}, []
    for name, used in uses.items():
        if any(tensor.is_meta for _, tensor in used):
            unknown.append(name)
        elif any(tensor.count_nonzero() < tensor.numel() for _, tensor in used):
            masks[name] = _nonzero(used, shapes[name])
    return masks, sorted(unknown) + mixed


def _nonzero(used: list[tuple[Operand, Tensor]], shape: tuple[int, ...]) -> np.ndarray:
    kept = np.zeros(shape, bool)
    if len(used) == 1 and used[0][0].view is not None and used[0][1].numel() == kept.size:
        used[0][0].of(kept)[...] = (used[0][1] != 0).numpy()
        return kept
    seen = np.zeros(shape, bool)
    for operand, tensor in used:
        operand.raise_to(kept, (tensor != 0).numpy())
        operand.raise_to(seen, np.ones(operand.shape, bool))
    return kept | ~seen
