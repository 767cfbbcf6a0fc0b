"""Where the elements of a parameter stand in the operand that an operation uses.

A linear layer multiplies by the transpose of its weight, fused projections by slices of one. An operand is
either a view of its parameter, or a copy with its elements in other places.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Operand:
    """What an operation multiplies activations by.

    Attributes:
        shape: of the operand.
        parameter: name of the parameter that its elements come from; None if they conduct always.
        view: offset and strides, in elements, that make it a view of the parameter.
        origin: if it is no view, the flat index in the parameter of each element of the operand.
    """

    shape: tuple[int, ...]
    parameter: str | None = None
    view: tuple[int, tuple[int, ...]] | None = None
    origin: np.ndarray | None = None

    def of(self, array: np.ndarray) -> np.ndarray:
        """The operand, from an array shaped like the parameter; shares memory with it if it is a view."""
        if self.view is None:
            return array.reshape(-1)[self.origin].reshape(self.shape)
        offset, strides = self.view
        # Unlike as_strided this checks that the view stays within the array.
        return np.ndarray(
            self.shape,
            array.dtype,
            np.ascontiguousarray(array),
            offset * array.itemsize,
            tuple(stride * array.itemsize for stride in strides),
        )

    def raise_to(self, array: np.ndarray, operand: np.ndarray) -> None:
        """Raises an array shaped like the parameter, in place, to the maximum with the operand's elements."""
        if self.view is None:
            np.maximum.at(array.reshape(-1), self.origin, operand.reshape(-1))
        else:
            target = self.of(array)
            np.maximum(target, operand, out=target)
