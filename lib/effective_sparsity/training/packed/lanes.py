"""A batch of values in vector registers, as a type of numba: rows, and how they are loaded and stored.

What one unit holds for a batch (its sums, activations, gradients) is a row of float32 numbers, a *lane* for
each sample. A variable of type `Lanes` is the whole row in registers, and formulas are written without loops
over samples (arithmetic is in `lane_arithmetic`; docs/lanes.md says why all this is worth its code):

    total = zeros(batch)
    for k in range(start, stop):
        total += weight[k] * load(batch, rows, source[k])

`Row` carries the number of lanes in its numba type, so functions are compiled for each batch size. Rows are
padded to whole registers; the padding lanes of loaded rows must be 0, and `mask_padding` makes them so again.

A row may also hold, for `REGISTER` samples, the values at several adjacent positions of an image: a register
for each position. A matrix of such registers, of shape (registers, REGISTER), is loaded from and stored to by
the number of the first one.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.core.imputils import lower_constant
from numba.extending import (
    NativeValue,
    intrinsic,
    models,
    overload_attribute,
    register_model,
    typeof_impl,
    unbox,
)

# float32 lanes of one AVX-512 register; compilers split them for processors with narrower ones.
REGISTER = 16
VECTOR = ir.VectorType(ir.FloatType(), REGISTER)
ZEROS = ir.Constant(VECTOR, None)
ONES = ir.Constant(VECTOR, [1.0] * REGISTER)


class Row:
    """How many numbers a row has, as an argument of compiled functions that makes it a constant in them."""

    def __init__(self, size: int):
        self.size = size

    @property
    def width(self) -> int:
        """The size rounded up to whole registers."""
        return -(-self.size // REGISTER) * REGISTER

    def rows(self, count: int) -> np.ndarray:
        """Zeros of shape (count, width), float32; rows start on cache lines, which no load should cross."""
        cache_line = 64
        buffer = np.zeros(4 * count * self.width + cache_line, np.uint8)
        start = -buffer.ctypes.data % cache_line
        return buffer[start : start + 4 * count * self.width].view(np.float32).reshape(count, self.width)


# A row that is one register; compiled functions can use it without getting it as an argument.
ONE_REGISTER = Row(REGISTER)


class RowType(types.Type):
    """Numba type of `Row`."""

    # Numba compiles a cached kernel anew when its file or the types of its arguments change. A
    # digest of this folder in the name of such a type does so for all modules that kernels are made of.
    _sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    _digest = hashlib.sha256(_sources).hexdigest()[:12]

    def __init__(self, size: int):
        self.size = size
        super().__init__(name=f"Row({size}, {self._digest})")


class Lanes(types.Type):
    """Numba type of the float32 numbers of a row, in registers."""

    def __init__(self, size: int):
        self.size = size
        self.registers = -(-size // REGISTER)
        super().__init__(name=f"Lanes({size})")


register_model(RowType)(models.OpaqueModel)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, ir.ArrayType(VECTOR, lanes.registers))


# Cached, because numba asks at every call.
_row_type = cache(RowType)


@typeof_impl.register(Row)
def _type_of_row(row, context):
    return _row_type(row.size)


@lower_constant(RowType)
def _constant_row(context, builder, type_, value):
    return context.get_dummy_value()


@unbox(RowType)
def _unbox_row(type_, value, context):
    return NativeValue(context.context.get_dummy_value())


@overload_attribute(RowType, "size")
def _row_size(row):
    size = row.size
    return lambda row: size


def generated(result: types.Type, arguments: tuple[types.Type, ...], generate: Callable) -> tuple:
    """The signature and the code of an intrinsic.

    Args:
        result: type of the result.
        arguments: types of the arguments.
        generate: from LLVM's builder and the values of the arguments to that of the result. Lanes are lists
            of registers, integers signed 64-bit numbers, and arrays matrices as `_pointers` takes them.
    """

    def value_of(context, builder, type_, value):
        if isinstance(type_, Lanes):
            return [builder.extract_value(value, i) for i in range(type_.registers)]
        if isinstance(type_, types.Array):
            return context.make_array(type_)(context, builder, value)
        return context.cast(builder, value, type_, types.intp) if isinstance(type_, types.Integer) else value

    def codegen(context, builder, signature, values):
        given = (value_of(context, builder, *pair) for pair in zip(arguments, values, strict=True))
        made = generate(builder, *given)
        if not isinstance(result, Lanes):
            return context.get_dummy_value() if made is None else made
        lanes = ir.Constant(context.get_value_type(result), ir.Undefined)
        for i, register in enumerate(made):
            lanes = builder.insert_value(lanes, register, i)
        return lanes

    for type_ in arguments:
        if isinstance(type_, types.Array) and (type_.dtype, type_.ndim, type_.layout) != (
            types.float32,
            2,
            "C",
        ):
            raise TypingError(f"rows must be a C-contiguous float32 matrix, not {type_}")
    return result(*arguments), codegen


@intrinsic
def zeros(typing_context, row):
    """Lanes of 0."""
    lanes = Lanes(row.size)
    return generated(lanes, (row,), lambda builder, _: [ZEROS] * lanes.registers)


@intrinsic
def ones(typing_context, row):
    """Lanes of 1, in the padding too."""
    lanes = Lanes(row.size)
    return generated(lanes, (row,), lambda builder, _: [ONES] * lanes.registers)


@intrinsic
def load(typing_context, row, rows, place):
    """The lanes in a row of a float32 array of shape (rows, width), or in adjacent registers of one."""
    lanes = Lanes(row.size)
    return generated(lanes, (row, rows, place), lambda builder, _, *where: _load(builder, lanes, *where))


@intrinsic
def load_apart(typing_context, row, registers, first, step):
    """The lanes in registers first, first + step, ... of a float32 array of shape (registers, REGISTER)."""
    lanes, arguments = Lanes(row.size), (row, registers, first, step)
    return generated(lanes, arguments, lambda builder, _, *where: _load(builder, lanes, *where))


@intrinsic
def store(typing_context, rows, place, value):
    """Write lanes to a row of a float32 array of shape (rows, width), or to adjacent registers of one."""
    return generated(types.void, (rows, place, value), _store)


@intrinsic
def store_apart(typing_context, registers, first, step, value):
    """Write lanes to registers first, first + step, ... of a float32 array of shape (registers, REGISTER)."""
    return generated(types.void, (registers, first, step, value), _store)


def _load(builder, lanes, *where) -> list:
    return [builder.load(pointer, align=4) for pointer in _pointers(builder, lanes.registers, *where)]


def _store(builder, *where_and_value) -> None:
    *where, value = where_and_value
    for pointer, register in zip(_pointers(builder, len(value), *where), value, strict=True):
        builder.store(register, pointer, align=4)


def _pointers(builder, count: int, matrix, place, step=None) -> Iterator:
    """Pointers to registers from row `place` of a matrix on: side by side, or `step` rows apart."""
    width = builder.extract_value(matrix.shape, 1)
    apart = ir.Constant(width.type, REGISTER) if step is None else builder.mul(step, width)
    place = builder.mul(place, width)
    for _ in range(count):
        yield builder.bitcast(builder.gep(matrix.data, [place]), VECTOR.as_pointer())
        place = builder.add(place, apart)
