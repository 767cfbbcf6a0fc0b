"""Scores of any dtype as integers in the same order.

Widths of paths are only ever compared. An order-preserving map to integers keeps every comparison exact,
turns the two special widths into ordinary values and leaves the inner loops one kind of number. The map works
on the bits of the scores, so it also serves dtypes that NumPy does not know (bfloat16).
"""

from dataclasses import dataclass

import numpy as np

from effective_sparsity.connectivity.semiring import Semiring, max_min_product
from effective_sparsity.errors import UserError

# Bits of +inf: all ones in the exponent, zeros in the fraction.
_BITS_OF_INFINITY: dict[str, np.signedinteger] = {
    "float16": np.int16(0x7C00),
    "bfloat16": np.int16(0x7F80),
    "float32": np.int32(0x7F800000),
    "float64": np.int64(0x7FF0000000000000),
}
_INTEGERS = ("int8", "int16", "int32", "int64")


@dataclass(frozen=True)
class Order(Semiring):
    """Integers that stand for the scores of one dtype.

    A path is as wide as its lowest score, and of several paths the widest counts.

    Attributes:
        keys: dtype of the integers that stand for the scores, of the same size.
        never: key of a path that does not exist; as a score -inf, False, or the least integer.
        always: key of an edge that cannot be pruned; as a score +inf, True, or the greatest integer.
        scores: name of the scores' dtype.
    """

    scores: str
    join = np.maximum
    along = np.minimum

    @classmethod
    def of(cls, dtype) -> "Order":
        """The order of scores of this dtype, of NumPy or of PyTorch.

        Raises:
            UserError: it is none of bool, int8 to int64, float16, bfloat16, float32 and float64.
        """
        name = str(dtype).removeprefix("torch.")
        if name == "bool":
            return cls(np.dtype(np.int8), never=0, always=1, scores=name)
        if name in _INTEGERS:
            limits = np.iinfo(name)
            return cls(np.dtype(name), never=limits.min, always=limits.max, scores=name)
        if name in _BITS_OF_INFINITY:
            infinity = _BITS_OF_INFINITY[name]
            return cls(infinity.dtype, never=-int(infinity) - 1, always=int(infinity), scores=name)
        raise UserError(
            f"scores have dtype {dtype}; use bool, a signed integer type or a floating point type"
        )

    def product(self, a, b):
        return max_min_product(a, b)

    @property
    def floating(self) -> bool:
        """Whether the scores are floating point numbers."""
        return self.scores in _BITS_OF_INFINITY

    def encode(self, bits: np.ndarray, overwrite: bool = False) -> np.ndarray:
        """Keys of scores, which are given as integers of the same bits: a < b if and only if the keys are so.

        Scores must not be NaN. Keys may share memory with the scores.

        Args:
            overwrite: whether the scores may be overwritten by their keys.
        """
        if not self._has_negative_floats(bits):
            return bits
        keys = self._turned(bits, bits if overwrite else None)
        keys[keys == -1] = 0  # 0.0 == -0.0: equal scores, equal keys
        return keys

    def decode(self, keys: np.ndarray) -> np.ndarray:
        """The inverse of `encode`; overwrites the keys."""
        return self._turned(keys, keys) if self._has_negative_floats(keys) else keys

    def _has_negative_floats(self, keys: np.ndarray) -> bool:
        return self.floating and keys.min(initial=0) < 0

    def _turned(self, keys: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        # IEEE numbers are sign and magnitude: as integers the negative ones run backwards. Flipping their
        # other bits turns them round, and flipping them again turns them back.
        limits = np.iinfo(self.keys)
        flips = keys >> (limits.bits - 1)
        flips &= self.keys.type(limits.max)
        return np.bitwise_xor(keys, flips, out=flips if out is None else out)
