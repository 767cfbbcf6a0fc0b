"""Scores of any dtype as integers in the same order.

Widths of paths are only ever compared. An order-preserving map to integers keeps every comparison exact,
turns the two special widths into ordinary values and leaves the inner loops one kind of number.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from effective_sparsity.errors import UserError

_INTEGER_OF_FLOAT = {
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}
_INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True)
class Order:
    """Integers that stand for the scores of one dtype.

    Attributes:
        scores: dtype of the scores.
        keys: dtype of the integers that stand for them.
        never: key of a path that does not exist; as a score -inf, False, or the least integer.
        always: key of an edge that cannot be pruned; as a score +inf, True, or the greatest integer.
    """

    scores: torch.dtype
    keys: torch.dtype
    never: int
    always: int

    @classmethod
    def of(cls, dtype: torch.dtype) -> "Order":
        """The order of scores of this dtype (bool, int8 to int64, float16, bfloat16, float32, float64)."""
        if dtype == torch.bool:
            return cls(dtype, torch.int8, never=0, always=1)
        if dtype in _INTEGERS:
            limits = torch.iinfo(dtype)
            return cls(dtype, dtype, never=limits.min, always=limits.max)
        if dtype in _INTEGER_OF_FLOAT:
            ends = _fold_sign(
                torch.tensor([-torch.inf, torch.inf], dtype=dtype).view(_INTEGER_OF_FLOAT[dtype])
            )
            return cls(dtype, _INTEGER_OF_FLOAT[dtype], *ends.tolist())
        raise UserError(
            f"scores have dtype {dtype}; use bool, a signed integer type or a floating point type"
        )

    def encode(self, scores: Tensor) -> Tensor:
        """Keys of the scores: a < b exactly when encode(a) < encode(b). Scores must not be NaN."""
        if self.scores == torch.bool:
            return scores.to(self.keys)
        if self.scores == self.keys:
            return scores
        bits = scores.contiguous().view(self.keys)
        negative_zero = torch.iinfo(self.keys).min
        return _fold_sign(
            bits.masked_fill(bits == negative_zero, 0)
        )  # 0.0 == -0.0: equal scores get equal keys

    def decode(self, keys: Tensor) -> Tensor:
        """Scores of the keys, the inverse of :meth:`encode`."""
        if self.scores == torch.bool:
            return keys.to(torch.bool)
        if self.scores == self.keys:
            return keys
        return _fold_sign(keys).view(self.scores)

    def full(self, shape, key: int) -> Tensor:
        """A tensor of one key."""
        return torch.full(shape, key, dtype=self.keys)


def _fold_sign(bits: Tensor) -> Tensor:
    # IEEE numbers are sign and magnitude: as integers the negative ones run backwards. Flipping their other
    # bits mends that, and flipping them again undoes it.
    width = torch.iinfo(bits.dtype).bits
    return bits ^ ((bits >> (width - 1)) & torch.iinfo(bits.dtype).max)
