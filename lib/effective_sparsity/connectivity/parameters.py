"""Where the elements of a parameter stand in the operand that an operation uses.

Between a parameter and its use lie views (a linear layer multiplies by the transpose) and elementwise
operations with constants (the masks of torch.nn.utils.prune, a weight norm). An arrangement replays the moves
on scores.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Arrangement:
    """An operand whose elements are those of one parameter, moved.

    Attributes:
        parameter: name of the parameter.
        moves: functions from tensor to tensor that lead from the parameter to the operand.
    """

    parameter: str
    moves: tuple[Callable[[Tensor], Tensor], ...] = ()

    def then(self, move: Callable[[Tensor], Tensor]) -> "Arrangement":
        """The arrangement after one more move."""
        return Arrangement(self.parameter, (*self.moves, move))

    def of(self, tensor: Tensor) -> Tensor:
        """The operand, from a tensor shaped like the parameter."""
        for move in self.moves:
            tensor = move(tensor)
        return tensor

    def raise_to(self, tensor: Tensor, operand: Tensor) -> None:
        """Raises a tensor shaped like the parameter, in place, to the maximum with the operand's elements."""
        target = self.of(tensor)
        if target.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr():
            torch.maximum(target, operand, out=target)
            return
        # A move made a copy, so the way back goes through the numbers of the elements.
        origin = self.of(torch.arange(tensor.numel()).view(tensor.shape)).flatten()
        tensor.view(-1).scatter_reduce_(0, origin, operand.flatten(), "amax")


@dataclass(frozen=True)
class Entangled:
    """An operand computed from parameters in a way that is no arrangement of a single one.

    Attributes:
        parameters: names of the parameters in it.
        operation: name of the operation that mixed them.
    """

    parameters: frozenset[str]
    operation: str
