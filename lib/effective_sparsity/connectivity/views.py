"""Views: elements of an array in another shape, found by an offset and strides."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """A view of any array of one size; offset and strides count elements, not bytes."""

    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]

    @classmethod
    def of(cls, tensor) -> "View":
        """The view of its memory that a PyTorch tensor is."""
        return cls(tuple(tensor.shape), int(tensor.storage_offset()), tuple(tensor.stride()))

    def on(self, array: np.ndarray) -> np.ndarray:
        """The view of an array; unlike as_strided this checks that it stays within the array."""
        return np.ndarray(
            self.shape,
            array.dtype,
            np.ascontiguousarray(array),
            self.offset * array.itemsize,
            tuple(stride * array.itemsize for stride in self.strides),
        )

    @property
    def reach(self) -> int:
        """Number of elements up to the last that it shows."""
        if 0 in self.shape:
            return self.offset
        steps = zip(self.shape, self.strides, strict=True)
        return self.offset + sum((size - 1) * stride for size, stride in steps) + 1

    @property
    def repeated(self) -> tuple[int, ...]:
        """Dimensions along which elements repeat."""
        return tuple(dim for dim, stride in enumerate(self.strides) if stride == 0)

    @property
    def first(self) -> tuple[slice, ...]:
        """The first of all repetitions."""
        return tuple(slice(1) if stride == 0 else slice(None) for stride in self.strides)

    def interleaves(self) -> bool:
        """Whether elements may share a place in other ways than by repetition."""
        reach = 0
        for stride, size in sorted(zip(self.strides, self.shape, strict=True)):
            if size > 1 and stride > 0:
                if stride <= reach:
                    return True
                reach += stride * (size - 1)
        return False
