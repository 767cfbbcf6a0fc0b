"""Rules for operations with weights."""

from torch import Tensor

from effective_sparsity.connectivity import operators, weighted
from effective_sparsity.connectivity.calls import Value
from effective_sparsity.connectivity.rules import per_dimension, rule
from effective_sparsity.connectivity.windows import Window
from effective_sparsity.errors import UserError

_FACTORS = {
    "mm": ("self", "mat2"),
    "bmm": ("self", "mat2"),
    "addmm": ("mat1", "mat2"),
    "baddbmm": ("batch1", "batch2"),
}


@rule(*_FACTORS)
def _matrix_product(graph, call):
    a, b = (call[name] for name in _FACTORS[call.name])
    terms = [_multiply(graph, a, b, call.shape)] if _varies(a) or _varies(b) else []
    added = call["self"] if call.name in ("addmm", "baddbmm") else None
    if not _varies(added):
        return terms[0]
    terms.append(added)
    return graph.emit(operators.Union(tuple(term.shape for term in terms), call.shape), terms, call.shape)


@rule("mv", "addmv", "dot")
def _vector_product(graph, call):
    raise UserError("products with vectors are not understood; use matrices")


def _multiply(graph, a, b, shape):
    if _varies(a) and _varies(b):
        return graph.emit(operators.ActivationProduct(a.shape, b.shape), [a, b], shape)
    if _varies(a):
        return graph.emit(weighted.ActivationTimesWeight(), [a], shape, weight=_weight(b))
    return graph.emit(weighted.WeightTimesActivation(), [b], shape, weight=_weight(a))


@rule("convolution", "_convolution")
def _convolution(graph, call):
    x, weight = call["input"], _weight(call["weight"])
    if weight.varying or not _varies(x):
        raise UserError("its kernel depends on the input")
    kernel = tuple(weight.shape[2:])
    spatial = len(kernel)
    fine, coarse = tuple(x.shape[2:]), tuple(call.shape[2:])
    if call["transposed"]:
        fine, coarse = coarse, fine
    window = Window(
        kernel=kernel,
        stride=per_dimension(call["stride"], spatial),
        padding=per_dimension(call["padding"], spatial),
        dilation=per_dimension(call["dilation"], spatial),
        size=fine,
        steps=coarse,
    )
    kind = weighted.TransposedConvolution if call["transposed"] else weighted.Convolution
    return graph.emit(kind(call["groups"], window), [x], call.shape, weight=weight)


def _varies(operand) -> bool:
    return isinstance(operand, Value) and operand.varying


def _weight(operand: Value | Tensor) -> Value:
    """A constant operand; a plain tensor (a buffer, or made on the way) conducts always."""
    return operand if isinstance(operand, Value) else Value(operand.shape, varying=False)
