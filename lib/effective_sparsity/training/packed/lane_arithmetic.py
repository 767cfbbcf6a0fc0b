"""Arithmetic of `lanes.Lanes` in compiled functions.

Importing this module gives lanes the operators + - * / among each other and with numbers.
"""

import math
import operator
from functools import reduce

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from effective_sparsity.training.packed.lanes import REGISTER, VECTOR, ZEROS, Lanes, generated

# Sums may be reordered and fused with products; NaN and infinity keep their meaning, to show divergence.
_FLAGS = ("reassoc", "contract", "nsz")
_BITS = ir.VectorType(ir.IntType(1), REGISTER)


def _define(operation, instruction):
    """Give lanes an operator, with lanes or with a number on the other side."""

    @intrinsic
    def compute(typing_context, a, b):
        lanes = a if isinstance(a, Lanes) else b

        def generate(builder, *sides):
            pairs = zip(*(_registers(builder, lanes, side) for side in sides), strict=True)
            return [getattr(builder, instruction)(x, y, flags=_FLAGS) for x, y in pairs]

        return generated(lanes, tuple(t if isinstance(t, Lanes) else types.float32 for t in (a, b)), generate)

    @overload(operation, jit_options={"forceinline": True})
    def _operator(a, b):
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return lambda a, b: compute(a, b)


_define(operator.add, "fadd")
_define(operator.iadd, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")
_define(operator.imul, "fmul")
_define(operator.truediv, "fdiv")


@intrinsic
def total(typing_context, value):
    """The sum of the lanes, float32."""

    def generate(builder, registers):
        horizontal = _llvm(builder, ir.FloatType(), "llvm.vector.reduce.fadd.v16f32", ir.FloatType(), VECTOR)
        return builder.call(
            horizontal, [ir.Constant(ir.FloatType(), 0), _sum(builder, registers)], fastmath=_FLAGS
        )

    return generated(types.float32, (value,), generate)


@intrinsic
def mask_padding(typing_context, value):
    """The lanes with 0 in the padding."""
    used = value.size - REGISTER * (value.registers - 1)
    mask = ir.Constant(_BITS, [lane < used for lane in range(REGISTER)])

    def generate(builder, registers):
        return [*registers[:-1], builder.select(mask, registers[-1], ZEROS)]

    return generated(value, (value,), generate)


@intrinsic
def mask_padding_of_block(typing_context, batch, block, value):
    """The registers, all of them of the samples of one block, with 0 in the padding of the batch.

    Args:
        batch: `lanes.Row` of the batch; its register number `block` has the samples of that block.
    """
    last, padded = divmod(batch.size, REGISTER)

    def generate(builder, _, block, registers):
        if not padded:
            return registers
        bits = ir.IntType(REGISTER)
        used, everywhere = ir.Constant(bits, 2**padded - 1), ir.Constant(bits, 2**REGISTER - 1)
        is_last = builder.icmp_signed("==", block, ir.Constant(block.type, last))
        mask = builder.bitcast(builder.select(is_last, used, everywhere), _BITS)
        return [builder.select(mask, register, ZEROS) for register in registers]

    return generated(value, (batch, block, value), generate)


@intrinsic
def fold(typing_context, value):
    """The sum of the registers, in one register."""
    return generated(Lanes(REGISTER), (value,), lambda builder, registers: [_sum(builder, registers)])


@intrinsic
def add_products(typing_context, start, a, b):
    """The register `start` and the sum of the products of the registers of a and b.

    In four sums at a time, because each addition waits for the one before it.
    """

    def generate(builder, sums, *factors):
        for i, (x, y) in enumerate(zip(*factors, strict=True)):
            product = builder.fmul(x, y, flags=_FLAGS)
            if i in (1, 2, 3):
                sums.append(product)
            else:
                sums[i % 4] = builder.fadd(sums[i % 4], product, flags=("contract",))
        return [_sum(builder, sums)]

    return generated(start, (start, a, b), generate)


@intrinsic
def pool(typing_context, row, value):
    """The sums of so many adjacent registers that a row of that size comes out."""
    lanes = Lanes(row.size)
    size = value.registers // lanes.registers

    def generate(builder, _, registers):
        return [_sum(builder, registers[i : i + size]) for i in range(0, len(registers), size)]

    return generated(lanes, (row, value), generate)


@intrinsic
def spread(typing_context, row, value):
    """Each register so many times, side by side, that a row of that size comes out: the transpose of pool."""
    lanes = Lanes(row.size)
    size = lanes.registers // value.registers

    def generate(builder, _, registers):
        return [register for register in registers for _ in range(size)]

    return generated(lanes, (row, value), generate)


@intrinsic
def where_positive(typing_context, condition, value):
    """The value where the condition is above 0 or NaN, and 0 elsewhere."""

    def generate(builder, conditions, values):
        pairs = zip(conditions, values, strict=True)
        return [builder.select(builder.fcmp_unordered(">", c, ZEROS), v, ZEROS) for c, v in pairs]

    return generated(value, (condition, value), generate)


@intrinsic
def maximum(typing_context, a, b):
    """The larger one of two lanes, each sample for itself; the first where one of them is NaN."""

    def generate(builder, *sides):
        pairs = zip(*sides, strict=True)
        return [builder.select(builder.fcmp_unordered(">", x, y), x, y) for x, y in pairs]

    return generated(a, (a, b), generate)


@intrinsic
def exp(typing_context, value):
    """e to the power x of the lanes, for x of at most 0; at least 2^-126, the smallest normal float32.

    It is 2^n e^r with n the integer nearest to x / ln 2 and r = x - n ln 2, so |r| <= ln 2 / 2, where the
    Taylor polynomial of degree 7 has a relative error of 5e-9.
    """
    integers = ir.VectorType(ir.IntType(32), REGISTER)

    def everywhere(number, type_=VECTOR):
        return ir.Constant(type_, [number] * REGISTER)

    def one_register(builder, x):
        nearest = _llvm(builder, VECTOR, "llvm.rint.v16f32", VECTOR)
        to_integer = _llvm(builder, integers, "llvm.fptosi.sat.v16i32.v16f32", VECTOR)
        lowest = everywhere(-126 * math.log(2))
        x = builder.select(builder.fcmp_ordered("<", x, lowest), lowest, x)
        n = builder.call(nearest, [builder.fmul(x, everywhere(1 / math.log(2)))])
        r = builder.fsub(x, builder.fmul(n, everywhere(math.log(2)), flags=_FLAGS), flags=_FLAGS)
        series = everywhere(1 / math.factorial(7))
        for degree in range(6, -1, -1):
            product = builder.fmul(series, r, flags=_FLAGS)
            series = builder.fadd(product, everywhere(1 / math.factorial(degree)), flags=_FLAGS)
        # A float32 with exponent bits n + 127 and no fraction is 2^n.
        exponent = builder.add(builder.call(to_integer, [n]), everywhere(127, integers))
        power = builder.bitcast(builder.shl(exponent, everywhere(23, integers)), VECTOR)
        return builder.fmul(series, power)

    return generated(
        value, (value,), lambda builder, registers: [one_register(builder, x) for x in registers]
    )


def _sum(builder, registers):
    return reduce(lambda a, b: builder.fadd(a, b, flags=_FLAGS), registers)


def _registers(builder, lanes, side):
    """The registers of lanes, or a number in all of them."""
    if isinstance(side, list):
        return side
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = ir.Constant(ir.IntType(32), 0)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), REGISTER), None)
    register = builder.insert_element(undefined, side, first)
    return [builder.shuffle_vector(register, undefined, everywhere)] * lanes.registers


def _llvm(builder, result, name, *arguments):
    """A function that LLVM provides."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)
