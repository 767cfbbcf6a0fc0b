"""A batch of values in vector registers, as a type of numba.

What one unit holds for a batch (its sums, activations, gradients) is a row of float32 numbers, a *lane* for
each sample. Compilers vectorise loops over such rows only sometimes, and keep a row in memory between two
loops. A variable of type `Lanes` is the whole row in registers instead, and the formulas of the kernels can
be written without loops over samples (arithmetic is in `lane_arithmetic`):

    total = zeros(batch)
    for k in range(start, stop):
        total += weight[k] * load(batch, rows, source[k])

`Batch` carries the batch size in its numba type, so functions are compiled for each batch size. Rows are
padded to whole registers; the padding lanes of loaded rows must be 0, and `mask_padding` makes them so again.
"""

import hashlib
from pathlib import Path

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
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


class Batch:
    """The batch size, as an argument of compiled functions that makes it a constant in them."""

    def __init__(self, size: int):
        self.size = size

    @property
    def width(self) -> int:
        """Numbers in a row: the batch size rounded up to whole registers."""
        return -(-self.size // REGISTER) * REGISTER

    def rows(self, count: int) -> np.ndarray:
        """Zeros of shape (count, width), float32; rows start on cache lines, which no load should cross."""
        cache_line = 64
        buffer = np.zeros(4 * count * self.width + cache_line, np.uint8)
        start = -buffer.ctypes.data % cache_line
        return buffer[start : start + 4 * count * self.width].view(np.float32).reshape(count, self.width)


class BatchType(types.Type):
    """Numba type of `Batch`."""

    # Numba compiles a cached kernel anew when the kernel's file changes; a digest of the modules on lanes in
    # the name of an argument's type makes it do so for these, too.
    _sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("lane*.py")))
    _digest = hashlib.sha256(_sources).hexdigest()[:12]

    def __init__(self, size: int):
        self.size = size
        super().__init__(name=f"Batch({size}, {self._digest})")


class Lanes(types.Type):
    """Numba type of one float32 number for each sample of a batch, in registers."""

    def __init__(self, size: int):
        self.size = size
        self.registers = -(-size // REGISTER)
        super().__init__(name=f"Lanes({size})")


register_model(BatchType)(models.OpaqueModel)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, ir.ArrayType(VECTOR, lanes.registers))


@typeof_impl.register(Batch)
def _type_of_batch(batch, context):
    return BatchType(batch.size)


@unbox(BatchType)
def _unbox_batch(type_, value, context):
    return NativeValue(context.context.get_dummy_value())


@overload_attribute(BatchType, "size")
def _batch_size(batch):
    size = batch.size
    return lambda batch: size


@intrinsic
def zeros(typing_context, batch):
    """Lanes of 0."""
    lanes = Lanes(batch.size)

    def codegen(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(lanes), None)

    return lanes(batch), codegen


@intrinsic
def load(typing_context, batch, rows, row):
    """The lanes in a row of a float32 array of shape (rows, width)."""
    lanes = Lanes(batch.size)

    def codegen(context, builder, signature, arguments):
        pointers = _registers_in_memory(context, builder, lanes, signature.args[1:], arguments[1:])
        return pack(context, builder, lanes, [builder.load(pointer, align=4) for pointer in pointers])

    return lanes(batch, rows, row), codegen


@intrinsic
def store(typing_context, rows, row, value):
    """Write lanes to a row of a float32 array of shape (rows, width)."""

    def codegen(context, builder, signature, arguments):
        lanes = signature.args[2]
        pointers = _registers_in_memory(context, builder, lanes, signature.args[:2], arguments[:2])
        for pointer, register in zip(pointers, unpack(builder, lanes, arguments[2]), strict=True):
            builder.store(register, pointer, align=4)
        return context.get_dummy_value()

    return types.void(rows, row, value), codegen


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
    array_type, row_type = types_
    if (array_type.dtype, array_type.ndim, array_type.layout) != (types.float32, 2, "C"):
        raise TypingError(f"rows must be a C-contiguous float32 matrix, not {array_type}")
    array = context.make_array(array_type)(context, builder, arguments[0])
    row = context.cast(builder, arguments[1], row_type, types.intp)
    start = builder.mul(row, builder.extract_value(array.shape, 1))
    first = builder.bitcast(builder.gep(array.data, [start]), VECTOR.as_pointer())
    return [builder.gep(first, [context.get_constant(types.intp, i)]) for i in range(lanes.registers)]
