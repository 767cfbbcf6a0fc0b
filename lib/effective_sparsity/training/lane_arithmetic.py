"""Arithmetic of `lanes.Lanes` in compiled functions.

Importing this module gives lanes the operators + - * / among each other and with numbers.
"""

import math
import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from effective_sparsity.training.lanes import REGISTER, VECTOR, Lanes, pack, unpack

# Sums may be reordered and fused with products; NaN and infinity keep their meaning, to show divergence.
_FLAGS = ("reassoc", "contract", "nsz")


def _define(operation, instruction):
    """Give lanes an operator, with lanes or with a number on the other side."""

    @intrinsic
    def compute(typing_context, a, b):
        lanes = a if isinstance(a, Lanes) else b
        a, b = (side if isinstance(side, Lanes) else types.float32 for side in (a, b))

        def codegen(context, builder, signature, arguments):
            sides = zip(signature.args, arguments, strict=True)
            pairs = zip(*(_registers(builder, lanes, type_, value) for type_, value in sides), strict=True)
            computed = [getattr(builder, instruction)(x, y, flags=_FLAGS) for x, y in pairs]
            return pack(context, builder, lanes, computed)

        return lanes(a, b), codegen

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

    def codegen(context, builder, signature, arguments):
        register = _sum(builder, unpack(builder, value, arguments[0]))
        horizontal = _llvm(builder, ir.FloatType(), "llvm.vector.reduce.fadd.v16f32", ir.FloatType(), VECTOR)
        return builder.call(horizontal, [ir.Constant(ir.FloatType(), 0), register], fastmath=_FLAGS)

    return types.float32(value), codegen


@intrinsic
def mask_padding(typing_context, value):
    """The lanes with 0 in the padding."""

    def codegen(context, builder, signature, arguments):
        registers = unpack(builder, value, arguments[0])
        registers[-1] = builder.select(_used(value), registers[-1], ir.Constant(VECTOR, None))
        return pack(context, builder, value, registers)

    return value(value), codegen


@intrinsic
def mask_padding_of_block(typing_context, batch, block, value):
    """The registers, all of them of the samples of one block, with 0 in the padding of the batch.

    Args:
        batch: `lanes.Row` of the batch; its register number `block` has the samples of that block.
    """
    lanes = Lanes(batch.size)

    def codegen(context, builder, signature, arguments):
        if batch.size % REGISTER == 0:
            return arguments[2]
        last = ir.Constant(arguments[1].type, lanes.registers - 1)
        bits = ir.IntType(REGISTER)
        everywhere = ir.Constant(bits, 2**REGISTER - 1)
        used = ir.Constant(bits, 2 ** (batch.size % REGISTER) - 1)
        chosen = builder.select(builder.icmp_signed("==", arguments[1], last), used, everywhere)
        mask = builder.bitcast(chosen, ir.VectorType(ir.IntType(1), REGISTER))
        registers = unpack(builder, value, arguments[2])
        masked = [builder.select(mask, register, ir.Constant(VECTOR, None)) for register in registers]
        return pack(context, builder, value, masked)

    return value(batch, block, value), codegen


@intrinsic
def fold(typing_context, value):
    """The sum of the registers, in one register."""
    register = Lanes(REGISTER)

    def codegen(context, builder, signature, arguments):
        return pack(context, builder, register, [_sum(builder, unpack(builder, value, arguments[0]))])

    return register(value), codegen


@intrinsic
def add_products(typing_context, start, a, b):
    """The register `start` and the sum of the products of the registers of a and b.

    In four sums at a time, because each addition waits for the one before it.
    """

    def codegen(context, builder, signature, arguments):
        sums = unpack(builder, start, arguments[0])
        pairs = zip(*(unpack(builder, a, argument) for argument in arguments[1:]), strict=True)
        for i, (x, y) in enumerate(pairs):
            product = builder.fmul(x, y, flags=_FLAGS)
            if i in (1, 2, 3):
                sums.append(product)
            else:
                sums[i % 4] = builder.fadd(sums[i % 4], product, flags=("contract",))
        return pack(context, builder, start, [_sum(builder, sums)])

    return start(start, a, b), codegen


@intrinsic
def pool(typing_context, row, value):
    """The sums of so many adjacent registers that a row of that size comes out."""
    lanes = Lanes(row.size)
    size = value.registers // lanes.registers

    def codegen(context, builder, signature, arguments):
        registers = unpack(builder, value, arguments[1])
        sums = [_sum(builder, registers[i : i + size]) for i in range(0, size * lanes.registers, size)]
        return pack(context, builder, lanes, sums)

    return lanes(row, value), codegen


@intrinsic
def spread(typing_context, row, value):
    """Each register so many times, side by side, that a row of that size comes out: the transpose of pool."""
    lanes = Lanes(row.size)
    size = lanes.registers // value.registers

    def codegen(context, builder, signature, arguments):
        registers = [copy for one in unpack(builder, value, arguments[1]) for copy in [one] * size]
        return pack(context, builder, lanes, registers)

    return lanes(row, value), codegen


@intrinsic
def where_positive(typing_context, condition, value):
    """The value where the condition is above 0 or NaN, and 0 elsewhere."""

    def codegen(context, builder, signature, arguments):
        zero = ir.Constant(VECTOR, None)
        pairs = zip(*(unpack(builder, value, argument) for argument in arguments), strict=True)
        chosen = [builder.select(builder.fcmp_unordered(">", c, zero), v, zero) for c, v in pairs]
        return pack(context, builder, value, chosen)

    return value(condition, value), codegen


@intrinsic
def maximum(typing_context, a, b):
    """The larger one of two lanes, each sample for itself; the first where one of them is NaN."""

    def codegen(context, builder, signature, arguments):
        pairs = zip(*(unpack(builder, a, argument) for argument in arguments), strict=True)
        chosen = [builder.select(builder.fcmp_unordered(">", x, y), x, y) for x, y in pairs]
        return pack(context, builder, a, chosen)

    return a(a, b), codegen


@intrinsic
def exp(typing_context, value):
    """e to the power x of the lanes, for x of at most 0; at least 2^-126, the smallest normal float32.

    It is 2^n e^r with n the integer nearest to x / ln 2 and r = x - n ln 2, so |r| <= ln 2 / 2, where the
    Taylor polynomial of degree 7 has a relative error of 5e-9.
    """

    def codegen(context, builder, signature, arguments):
        def everywhere(number, type_=VECTOR):
            return ir.Constant(type_, [number] * REGISTER)

        integers = ir.VectorType(ir.IntType(32), REGISTER)
        nearest = _llvm(builder, VECTOR, "llvm.rint.v16f32", VECTOR)
        to_integer = _llvm(builder, integers, "llvm.fptosi.sat.v16i32.v16f32", VECTOR)

        def one_register(x):
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

        return pack(context, builder, value, map(one_register, unpack(builder, value, arguments[0])))

    return value(value), codegen


def _used(lanes):
    """Which lanes of the last register are no padding."""
    used = lanes.size - REGISTER * (lanes.registers - 1)
    return ir.Constant(ir.VectorType(ir.IntType(1), REGISTER), [lane < used for lane in range(REGISTER)])


def _sum(builder, registers):
    first, *others = registers
    for other in others:
        first = builder.fadd(first, other, flags=_FLAGS)
    return first


def _registers(builder, lanes, type_, value):
    """The registers of lanes, or a number in all of them."""
    if isinstance(type_, Lanes):
        return unpack(builder, lanes, value)
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = ir.Constant(ir.IntType(32), 0)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), REGISTER), None)
    register = builder.insert_element(undefined, value, first)
    return [builder.shuffle_vector(register, undefined, everywhere)] * lanes.registers


def _llvm(builder, result, name, *arguments):
    """A function that LLVM provides."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)
