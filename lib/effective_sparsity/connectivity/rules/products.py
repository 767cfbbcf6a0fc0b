"""Products with weights or of two activations: matrix products, convolutions, attention."""

import torch
from torch import Tensor

from effective_sparsity.connectivity.calls import Call, Draft, Value
from effective_sparsity.connectivity.operators import ActivationProduct, Attention
from effective_sparsity.connectivity.rules.basics import rule, unite
from effective_sparsity.connectivity.rules.sampling import per_dimension
from effective_sparsity.connectivity.weighted import (
    ActivationTimesWeight,
    Convolution,
    TransposedConvolution,
    WeightTimesActivation,
)
from effective_sparsity.connectivity.windows import Window
from effective_sparsity.errors import UserError

_FACTORS = {
    "mm": ("self", "mat2"),
    "bmm": ("self", "mat2"),
    "addmm": ("mat1", "mat2"),
    "baddbmm": ("batch1", "batch2"),
}


@rule(*_FACTORS)
def _matrix_product(graph: Draft, call: Call) -> Value:
    a, b = (call[name] for name in _FACTORS[call.name])
    terms = [_multiply(graph, a, b, call.shape)] if _varies(a) or _varies(b) else []
    if call.name in ("addmm", "baddbmm") and _varies(call["self"]):
        terms.append(call["self"])
    return terms[0] if terms[0].shape == call.shape and len(terms) == 1 else unite(graph, terms, call.shape)


@rule("mv", "addmv", "dot")
def _vector_product(graph: Draft, call: Call) -> Value:
    raise UserError("products with vectors are not understood; use matrices")


def _multiply(graph: Draft, a, b, shape) -> Value:
    if _varies(a) and _varies(b):
        return graph.emit(ActivationProduct(a.shape, b.shape), [a, b], shape)
    if _varies(a):
        return graph.emit_weighted(ActivationTimesWeight(), a, shape, _weight(b))
    return graph.emit_weighted(WeightTimesActivation(), b, shape, _weight(a))


@rule("convolution", "_convolution")
def _convolution(graph: Draft, call: Call) -> Value:
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
    kind = TransposedConvolution if call["transposed"] else Convolution
    return graph.emit_weighted(kind(call["groups"], window), x, call.shape, weight)


def _varies(operand) -> bool:
    return isinstance(operand, Value) and operand.varying


def _weight(operand: Value | Tensor) -> Value:
    """A constant operand; a plain tensor (a buffer, or made on the way) conducts always."""
    return operand if isinstance(operand, Value) else Value(operand.shape, varying=False)


@rule(
    "scaled_dot_product_attention",
    "_scaled_dot_product_attention_math",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_cudnn_attention",
)
def _attention(graph: Draft, call: Call) -> Value:
    query, key, value = call["query"], call["key"], call["value"]
    if not all(map(_varies, (query, key, value))):
        raise UserError("query, key and value must all depend on the input")
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        raise UserError("queries have other heads than keys or values")
    allowed = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool)
    if call["is_causal"]:
        allowed = allowed.tril()
    if len(call.activations()) > 3:
        raise UserError("the attention mask depends on the input")
    mask = next((call.tensors[name] for name in ("attn_mask", "attn_bias") if name in call), None)
    if mask is not None:
        mask = mask.cpu()
        allowed = allowed & (mask if mask.dtype == torch.bool else mask > -torch.inf)
    operator = Attention(query.shape, key.shape, value.shape, allowed.numpy())
    return graph.emit(operator, [query, key, value], call.shape)
