"""A batch of values in vector registers, as a type of numba.

What one unit holds for a batch (its sums, activations, gradients) is a row of float32 numbers, a *lane* for
each sample. Compilers vectorise loops over such rows only sometimes, and keep a row in memory between two
loops. A variable of type `Lanes` is the whole row in registers instead, and the formulas of the kernels can
be written without loops over samples (arithmetic is in `lane_arithmetic`):

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

    # Numba compiles a cached kernel anew when the kernel's file changes; a digest of all modules that kernels
    # are made of in the name of an argument's type makes it do so for these, too.
    _sources = b"".join(
        path.read_bytes()
        for pattern in ("lane*.py", "packed_*.py")
        for path in sorted(Path(__file__).parent.glob(pattern))
    )
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


@intrinsic
def zeros(typing_context, row):
    """Lanes of 0."""
    lanes = Lanes(row.size)

    def codegen(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(lanes), None)

    return lanes(row), codegen


@intrinsic
def ones(typing_context, row):
    """Lanes of 1, in the padding too."""
    lanes = Lanes(row.size)

    def codegen(context, builder, signature, arguments):
        return pack(context, builder, lanes, [ir.Constant(VECTOR, [1.0] * REGISTER)] * lanes.registers)

    return lanes(row), codegen


@intrinsic
def load(typing_context, row, rows, place):
    """The lanes in a row of a float32 array of shape (rows, width)."""
    lanes = Lanes(row.size)

    def codegen(context, builder, signature, arguments):
        pointers = _registers_in_memory(context, builder, lanes, signature.args[1:], arguments[1:])
        return pack(context, builder, lanes, [builder.load(pointer, align=4) for pointer in pointers])

    return lanes(row, rows, place), codegen


@intrinsic
def load_apart(typing_context, row, registers, first, step):
    """The lanes in registers first, first + step, ... of a float32 array of shape (registers, REGISTER)."""
    lanes = Lanes(row.size)

    def codegen(context, builder, signature, arguments):
        pointers = _registers_apart(context, builder, lanes, signature.args[1:], arguments[1:])
        return pack(context, builder, lanes, [builder.load(pointer, align=4) for pointer in pointers])

    return lanes(row, registers, first, step), codegen


@intrinsic
def store_apart(typing_context, registers, first, step, value):
    """Write lanes to registers first, first + step, ... of a float32 array of shape (registers, REGISTER)."""

    def codegen(context, builder, signature, arguments):
        lanes = signature.args[3]
        pointers = _registers_apart(context, builder, lanes, signature.args[:3], arguments[:3])
        for pointer, register in zip(pointers, unpack(builder, lanes, arguments[3]), strict=True):
            builder.store(register, pointer, align=4)
        return context.get_dummy_value()

    return types.void(registers, first, step, value), codegen


@intrinsic
def store(typing_context, rows, place, value):
    """Write lanes to a row of a float32 array of shape (rows, width)."""

    def codegen(context, builder, signature, arguments):
        lanes = signature.args[2]
        pointers = _registers_in_memory(context, builder, lanes, signature.args[:2], arguments[:2])
        for pointer, register in zip(pointers, unpack(builder, lanes, arguments[2]), strict=True):
            builder.store(register, pointer, align=4)
        return context.get_dummy_value()

    return types.void(rows, place, value), codegen


def unpack(builder, lanes, value):
    """The registers of lanes, as LLVM vectors."""
    return [builder.extract_value(value, i) for i in range(lanes.registers)]


def pack(context, builder, lanes, registers):
    """Lanes of these registers."""
    value = ir.Constant(context.get_value_type(lanes), ir.Undefined)
    for i, register in enumerate(registers):
        value = builder.insert_value(value, register, i)
    return value


def _registers_in_memory(context, builder, lanes, types_, arguments):
    """Pointers to the registers of row `arguments[1]` of the array `arguments[0]`."""
    array = _matrix(context, builder, types_[0], arguments[0])
    row = context.cast(builder, arguments[1], types_[1], types.intp)
    start = builder.mul(row, builder.extract_value(array.shape, 1))
    first = builder.bitcast(builder.gep(array.data, [start]), VECTOR.as_pointer())
    return [builder.gep(first, [context.get_constant(types.intp, i)]) for i in range(lanes.registers)]


def _registers_apart(context, builder, lanes, types_, arguments):
    """Pointers to the registers first, first + step, ... of the array `arguments[0]`."""
    array = _matrix(context, builder, types_[0], arguments[0])
    register, step = (
        context.cast(builder, argument, type_, types.intp)
        for argument, type_ in zip(arguments[1:], types_[1:], strict=True)
    )
    base = builder.bitcast(array.data, VECTOR.as_pointer())
    pointers = []
    for _ in range(lanes.registers):
        pointers.append(builder.gep(base, [register]))
        register = builder.add(register, step)
    return pointers


def _matrix(context, builder, type_, value):
    if (type_.dtype, type_.ndim, type_.layout) != (types.float32, 2, "C"):
        raise TypingError(f"rows must be a C-contiguous float32 matrix, not {type_}")
    return context.make_array(type_)(context, builder, value)
