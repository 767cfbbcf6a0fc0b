"""Products with weights or of two activations: matrix products, convolutions, attention."""

from operator import itemgetter

import numpy as np
import torch

from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.constants import Weight
from effective_sparsity.connectivity.draft import Draft, Value, numbered, varies
from effective_sparsity.connectivity.operators import ActivationProduct, Attention
from effective_sparsity.connectivity.rules.register import names, rule
from effective_sparsity.connectivity.weighted import (
    ActivationTimesWeight,
    Convolution,
    TransposedConvolution,
    WeightTimesActivation,
)
from effective_sparsity.connectivity.windows import Window
from effective_sparsity.errors import UserError

# Products of matrices, vectors and stacks of matrices: their factors, and the dimensions that are inserted to
# make matrices of vectors.
_FACTORS = {
    "mm": ("self", "mat2", None, None),
    "bmm": ("self", "mat2", None, None),
    "addmm": ("mat1", "mat2", None, None),
    "_addmm_activation": ("mat1", "mat2", None, None),
    "baddbmm": ("batch1", "batch2", None, None),
    "mv": ("self", "vec", None, 1),
    "addmv": ("mat", "vec", None, 1),
    "dot": ("self", "tensor", 0, 1),
    "vdot": ("self", "other", 0, 1),
    "addr": ("vec1", "vec2", 1, 0),
}
_ADDING = names("addmm _addmm_activation baddbmm addmv addr")


@rule(*_FACTORS)
def _product(graph: Draft, call: Call) -> Value:
    left, right, left_dim, right_dim = _FACTORS[call.name]
    terms = [call["self"]] if call.name in _ADDING and varies(call["self"]) else []
    if varies(call[left]) or varies(call[right]):
        a = _as_matrix(graph, call, left, left_dim)
        b = _as_matrix(graph, call, right, right_dim)
        product = _multiply(graph, a, b)
        terms.append(product if product.shape == call.shape else graph.reshape(product, call.shape))
    return graph.merge(terms, call.shape)


def _as_matrix(graph: Draft, call: Call, name: str, dim: int | None) -> Value | Weight:
    """A factor, with a dimension of size 1 inserted if it is a vector."""
    factor = call[name] if varies(call[name]) else call.weight(name)
    if dim is None:
        return factor
    shape = (1, *factor.shape) if dim == 0 else (*factor.shape, 1)
    if isinstance(factor, Value):
        return graph.reshape(factor, shape)
    return factor.moved(lambda tensor: tensor.reshape(shape), shape)


def _multiply(graph: Draft, a: Value | Weight, b: Value | Weight) -> Value:
    shape = (*a.shape[:-1], b.shape[-1])
    if isinstance(a, Weight) and isinstance(b, Value):
        return graph.emit_weighted(WeightTimesActivation(), b, shape, a)
    assert isinstance(a, Value), "one factor depends on the input"
    if isinstance(b, Weight):
        return graph.emit_weighted(ActivationTimesWeight(), a, shape, b)
    return graph.emit(ActivationProduct(a.shape, b.shape), [a, b], shape)


@rule("_grouped_mm transformers.grouped_mm_fallback")
def _experts(graph: Draft, call: Call) -> Value:
    """A mixture of experts: any token may be routed to any expert, and is moved by the routing itself."""
    tokens, experts = ("self", "mat2") if "mat2" in call else ("input", "weight")
    x, weight = call[tokens], call.weight(experts)
    if not varies(x) or varies(call[experts]) or len(x.shape) != 2 or len(weight.shape) != 3:
        raise UserError("it is no product of tokens with a stack of experts")
    terms = [
        _multiply(graph, x, weight.moved(itemgetter(i), weight.shape[1:])) for i in range(weight.shape[0])
    ]
    terms += [graph.reduce(call["offs"], [0])] if varies(call.get("offs")) else []
    return graph.unite(terms, call.shape)


@rule("addbmm")
def _add_products(graph: Draft, call: Call) -> Value:
    raise UserError("it adds up a stack of products; use torch.bmm and a sum")


@rule("convolution _convolution")
def _convolution(graph: Draft, call: Call) -> Value:
    terms = [_convolve(graph, call)] if varies(call["input"]) else []
    if varies(call["weight"]):
        terms.append(_through_kernel(graph, call))
    if varies(call["bias"]):
        terms.append(graph.reshape(call["bias"], (call["bias"].size, *(1,) * _spatial(call))))
    return graph.merge(terms, call.shape)


def _convolve(graph: Draft, call: Call) -> Value:
    weight = Weight(call["weight"].shape) if varies(call["weight"]) else call.weight("weight")
    kind = TransposedConvolution if call["transposed"] else Convolution
    return graph.emit_weighted(kind(call["groups"], _window(call)), call["input"], call.shape, weight)


def _window(call: Call) -> Window:
    spatial = _spatial(call)
    fine, coarse = call["input"].shape[-spatial:], call.shape[-spatial:]
    if call["transposed"]:
        fine, coarse = coarse, fine
    kernel = call["weight"].shape[2:]
    return Window.of(fine, coarse, kernel, call["stride"], call["padding"], call["dilation"])


def _through_kernel(graph: Draft, call: Call) -> Value:
    """From the elements of a kernel that depends on the input to their channel, where they see no padding."""
    kernel, groups, window = call["weight"], call["groups"], _window(call)
    if call["transposed"]:  # (inputs, outputs / groups, ...)
        flat = graph.reshape(kernel, (groups, kernel.shape[0] // groups, kernel.shape[1], window.taps))
        taps = graph.reduce(flat, [1], keepdim=False)
        seen = window.seen_by(np.ones((1, *window.steps), bool), fill=False)
    else:
        flat = graph.reshape(kernel, (*kernel.shape[:2], window.taps))
        taps = graph.reduce(flat, [1], keepdim=False)
        seen = window.unfold(np.ones((1, 1, *window.size), bool), fill=False)[0]
    taps = graph.reshape(taps, (taps.size // window.taps, window.taps))
    linked = graph.link(taps, 1, seen.reshape(window.taps, -1).T)
    return graph.reshape(linked, (linked.shape[0], *call.shape[-_spatial(call) :]))


def _spatial(call: Call) -> int:
    return len(call["weight"].shape) - 2


@rule(
    """scaled_dot_product_attention _scaled_dot_product_attention_math _scaled_dot_product_cudnn_attention
    _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
    _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_fused_attention_overrideable"""
)
def _attention(graph: Draft, call: Call) -> Value:
    """softmax(Q K^T) V: token m has the paths of its own query, and of the keys and values of all tokens that
    it may attend to; the softmax only weighs them.
    """
    query, key, value = (call[name] for name in ("query", "key", "value"))
    heads = query.shape[:-2]
    tokens = []
    if varies(value):
        tokens.append(_for_all_heads(graph, value, heads))
    if varies(key):
        tokens.append(_for_all_heads(graph, graph.reduce(key, [-1]), heads))
    terms = []
    if tokens:
        sources = graph.merge(tokens, (*heads, *value.shape[-2:]))
        terms.append(_attend(graph, sources, _allowed(call, query.shape[-2], key.shape[-2])))
    mask = _mask(call)
    terms += [graph.reduce(x, [-1]) for x in (query, mask) if isinstance(x, Value) and x.varying]
    return graph.unite(terms, call.shape)


def _for_all_heads(graph: Draft, x: Value, heads: tuple[int, ...]) -> Value:
    """Grouped-query attention: each head of keys and values serves several heads of queries in a row."""
    if not heads or x.shape[-3] in (1, heads[-1]):
        return x
    (numbers,) = numbered(x.shape)
    return graph.rearrange([x], numbers.repeat_interleave(heads[-1] // x.shape[-3], -3))


def _attend(graph: Draft, sources: Value, allowed: torch.Tensor) -> Value:
    if allowed.all():
        return graph.reduce(sources, [-2])
    shape = (*sources.shape[:-2], allowed.shape[-2], sources.shape[-1])
    return graph.emit(Attention(sources.shape, allowed.numpy()), [sources], shape)


def _mask(call: Call) -> Value | Weight | None:
    name = next((name for name in ("attn_mask", "attn_bias") if name in call), None)
    if name is None or call[name] is None:
        return None
    return call[name] if varies(call[name]) else call.weight(name)


def _allowed(call: Call, queries: int, keys: int) -> torch.Tensor:
    """Which tokens a constant mask lets each query attend to."""
    allowed = torch.ones(queries, keys, dtype=torch.bool)
    if call["is_causal"]:
        allowed = allowed.tril()
    mask = _mask(call)
    if not isinstance(mask, Weight) or mask.tensor is None:
        return allowed
    tensor = mask.tensor
    if tensor.is_meta and mask.origin is not None:
        return allowed  # parameters are biases, they forbid nothing
    if tensor.is_meta:
        raise UserError("its mask is on the meta device, without values; put the model's buffers on the CPU")
    return allowed & (tensor if tensor.dtype == torch.bool else tensor > torch.finfo(tensor.dtype).min).cpu()
