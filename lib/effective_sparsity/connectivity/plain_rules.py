"""Rules for operations without weights."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from effective_sparsity.connectivity import operators
from effective_sparsity.connectivity.calls import Value, call_by_name, on_cpu
from effective_sparsity.connectivity.rules import Rule, per_dimension, rearrange, rule, union
from effective_sparsity.connectivity.vocabulary import ACTIVATIONS, MOVES, REDUCTIONS, TRANSPARENT
from effective_sparsity.connectivity.windows import Window
from effective_sparsity.errors import UserError

rule(*ACTIVATIONS)(union)


@rule("as_strided")
def _restride(graph, call):
    # PyTorch's global average pooling of a channels-last tensor only rewrites the strides of its singleton
    # dimensions.
    if not call.in_place or call["self"].shape != call.shape or not call.results[0].is_contiguous():
        raise UserError("strides into memory are not understood; use views and indexing")
    return call["self"]


@rule(*TRANSPARENT)
def _transparent(graph, call):
    inputs = call.activations()
    if len(inputs) != 1:
        raise UserError("its scale, shift or statistics depend on the input")
    return union(graph, call)


@rule(*REDUCTIONS)
def _reduce(graph, call):
    x = call["self"]
    dims = call.get("dim")
    dims = [dims] if isinstance(dims, int) else dims or range(len(x.shape))
    dims = tuple(sorted(dim % len(x.shape) for dim in dims)) if x.shape else ()
    operator = operators.Reduction(x.shape, dims, call.get("keepdim", False))
    value = graph.emit(operator, [x], call.shape)
    both = call.name in ("var_mean", "std_mean")
    return [value, value] if both else value


def _move(data: Sequence[str]) -> Rule:
    def move(graph, call):
        operands = [name for name in data if name in call]
        leaves = [leaf for name in operands for leaf in (call[name] if name == "tensors" else [call[name]])]
        inputs = [leaf for leaf in leaves if isinstance(leaf, Value) and leaf.varying]
        if len(inputs) != len(call.activations()):
            raise UserError("its indices or its mask depend on the input")
        if call.get("accumulate"):
            raise UserError("it adds up elements; only overwriting is understood")

        def place(index: int, *numbers: Tensor) -> Tensor:
            remaining = iter(numbers)
            arguments = on_cpu({name: given for name, given in call.tensors.items() if name not in operands})
            for name in operands:
                parts = [
                    _number(leaf, remaining) for leaf in (call[name] if name == "tensors" else [call[name]])
                ]
                arguments[name] = parts if name == "tensors" else parts[0]
            if "value" in call:  # a constant, and those are element 0
                arguments["value"] = torch.zeros(()) if isinstance(call["value"], (Tensor, Value)) else 0
            result = call_by_name(call.operation, arguments)
            return result[index] if isinstance(result, (list, tuple)) else result

        return [rearrange(graph, inputs, partial(place, index)) for index in range(len(call.results))]

    return move


def _number(leaf, numbers) -> Tensor:
    if isinstance(leaf, Value) and leaf.varying:
        return next(numbers)
    return torch.zeros(leaf.shape if isinstance(leaf, (Value, Tensor)) else (), dtype=torch.float64)


for _operands, _names in MOVES.items():
    for _name in _names:
        rule(_name, f"{_name}_copy")(_move(_operands))


@rule("_local_scalar_dense", "equal", "is_nonzero", "nonzero")
def _read_out(graph, call):
    raise UserError("the course of the program depends on the values of the input")


@rule("where")
def _where(graph, call):
    condition = call["condition"]
    chosen_by_input = isinstance(condition, Value) and condition.varying
    return union(graph, call) if chosen_by_input else _move(["self", "other"])(graph, call)


@rule("cat")
def _concatenate(graph, call):
    parts = [part for part in call["tensors"] if part.shape != (0,)]  # such parts are ignored by PyTorch
    inputs = call.activations()
    constant = tuple(not (isinstance(part, Value) and part.varying) for part in parts)
    shapes = tuple(tuple(part.shape) for part in parts)
    return graph.emit(operators.Concatenation(shapes, constant, call["dim"]), inputs, call.shape)


@rule(
    *(
        f"{kind}_pool{n}d{suffix}"
        for kind in ("max", "avg")
        for n in (1, 2, 3)
        for suffix in ("", "_with_indices")
    )
)
def _pool(graph, call):
    x = call["self"]
    spatial = int(call.name.partition("_pool")[2][0])
    kernel = per_dimension(call["kernel_size"], spatial)
    window = Window(
        kernel=kernel,
        stride=per_dimension(call["stride"], spatial) or kernel,
        padding=per_dimension(call["padding"], spatial),
        dilation=per_dimension(call["dilation"], spatial) if "dilation" in call else (1,) * spatial,
        size=tuple(x.shape[-spatial:]),
        steps=tuple(call.shape[-spatial:]),
    )
    return graph.emit(operators.Pooling(x.shape, window), [x], call.shape)


@rule(
    *(
        f"{prefix}adaptive_{kind}_pool{n}d"
        for prefix in ("", "_")
        for kind in ("max", "avg")
        for n in (1, 2, 3)
    )
)
def _adaptive_pool(graph, call):
    x = call["self"]
    spatial = int(call.name.partition("_pool")[2][0])
    return graph.emit(operators.AdaptivePooling(x.shape, call.shape[-spatial:]), [x], call.shape)


@rule("glu")
def _gated_linear_unit(graph, call):
    x, dim = call["self"], call["dim"]
    halves = [rearrange(graph, [x], lambda numbers, i=i: numbers.chunk(2, dim)[i]) for i in range(2)]
    return graph.emit(operators.Union((call.shape, call.shape), call.shape), halves, call.shape)


@rule(
    "scaled_dot_product_attention",
    "_scaled_dot_product_attention_math",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_cudnn_attention",
)
def _attention(graph, call):
    query, key, value = call["query"], call["key"], call["value"]
    if not all(isinstance(x, Value) and x.varying for x in (query, key, value)):
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
    operator = operators.Attention(query.shape, key.shape, value.shape, allowed.numpy())
    return graph.emit(operator, [query, key, value], call.shape)
