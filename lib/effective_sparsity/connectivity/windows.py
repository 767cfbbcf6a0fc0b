"""Windows that slide over positions, as convolutions and pools use them, in any number of dimensions."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from effective_sparsity.connectivity.semiring import Semiring


@dataclass(frozen=True)
class Window:
    """A window per output position; every tuple has one entry per spatial dimension.

    Attributes:
        kernel, stride, padding, dilation: as for convolutions; the padding is that of the left side.
        size: input positions.
        steps: output positions.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    size: tuple[int, ...]
    steps: tuple[int, ...]

    @classmethod
    def of(cls, size, steps, kernel, stride=1, padding=0, dilation=1) -> "Window":
        """With settings as PyTorch has them: a number for all dimensions, or a list of one or of all."""

        def each(setting) -> tuple[int, ...]:
            settings = (setting,) if isinstance(setting, int) else tuple(setting)
            return settings * len(size) if len(settings) == 1 else settings

        return cls(each(kernel), each(stride), each(padding), each(dilation), tuple(size), tuple(steps))

    @property
    def taps(self) -> int:
        """Number of positions in one window."""
        return prod(self.kernel)

    def unfold(self, x: np.ndarray, fill: int) -> np.ndarray:
        """What each tap sees: (items, channels, *size) to (items, channels, taps, *steps), filled."""
        if self._is_identity():
            return x[:, :, None]
        padded = self._pad(x, fill)
        columns = np.empty((*x.shape[:2], self.taps, *self.steps), x.dtype)
        for tap, seen in enumerate(self._views(padded)):
            columns[:, :, tap] = seen
        return columns

    def seen_by(self, windows: np.ndarray, fill: int) -> np.ndarray:
        """Which window sees a position through each tap: (items, *steps) -> (items, taps, *size), or fill."""
        if self._is_identity():
            return windows[:, None]
        padded = np.full((len(windows), self.taps, *self._padded_size()), fill, windows.dtype)
        for tap, seen in enumerate(self._views(padded)):
            seen[:, tap] = windows
        return self._crop(padded)

    def pool(self, x: np.ndarray, semiring: Semiring) -> np.ndarray:
        """What there is across each window: (items, channels, *size) -> (items, channels, *steps)."""
        first, *others = self._views(self._pad(x, semiring.never))
        best = first.copy()
        for seen in others:
            semiring.join(best, seen, out=best)
        return best

    def unpool(self, x: np.ndarray, semiring: Semiring) -> np.ndarray:
        """The adjoint of `pool`: (items, channels, *steps) -> (items, channels, *size)."""
        padded = semiring.full((*x.shape[:2], *self._padded_size()), semiring.never)
        for seen in self._views(padded):
            semiring.join(seen, x, out=seen)
        return self._crop(padded)

    def _is_identity(self) -> bool:
        return self.taps == 1 and self.size == self.steps and not any(self.padding)

    def _reach(self) -> tuple[int, ...]:
        geometry = zip(self.kernel, self.stride, self.dilation, self.steps, strict=True)
        return tuple(
            (steps - 1) * stride + (kernel - 1) * dilation + 1 for kernel, stride, dilation, steps in geometry
        )

    def _padded_size(self) -> tuple[int, ...]:
        # Windows may end before the last position (stride) or after the right padding (ceil_mode).
        sizes = zip(self._reach(), self.padding, self.size, strict=True)
        return tuple(max(reach, padding + size) for reach, padding, size in sizes)

    def _interior(self) -> tuple[Any, ...]:
        return (..., *(slice(pad, pad + size) for pad, size in zip(self.padding, self.size, strict=True)))

    def _pad(self, x: np.ndarray, fill: int) -> np.ndarray:
        if self._padded_size() == self.size:
            return x
        padded = np.full((*x.shape[:2], *self._padded_size()), fill, x.dtype)
        padded[self._interior()] = x
        return padded

    def _crop(self, padded: np.ndarray) -> np.ndarray:
        return padded[self._interior()]

    def _views(self, padded: np.ndarray):
        """For each tap, in the order of the kernel, the view of the positions that it sees."""
        for tap in product(*map(range, self.kernel)):
            geometry = zip(tap, self.stride, self.dilation, self.steps, strict=True)
            spans: list[Any] = [
                slice(t * dilation, t * dilation + (steps - 1) * stride + 1, stride)
                for t, stride, dilation, steps in geometry
            ]
            yield padded[(..., *spans)]
