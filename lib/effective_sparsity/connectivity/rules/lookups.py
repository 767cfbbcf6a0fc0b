"""Indices that depend on the input: whatever such an index may choose has a path to the result, and so has
the index itself. Sorting likewise: any element may come to any rank.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.constants import Weight
from effective_sparsity.connectivity.draft import Draft, Value, numbered, varies
from effective_sparsity.connectivity.rules.register import BY_INPUT, rule, union
from effective_sparsity.connectivity.weighted import Lookup
from effective_sparsity.errors import UserError

rule("where masked_fill", register=BY_INPUT)(union)


@rule("embedding")
def _embedding(graph: Draft, call: Call) -> Value:
    if varies(call["weight"]):
        return _choose(graph, call["weight"], {0: call["indices"]}, [None], call.shape)
    return _look_up(graph, call.weight("weight"), call["indices"], call.shape)


@rule("index_select index_select_copy", register=BY_INPUT)
def _index_select(graph: Draft, call: Call) -> Value:
    x, dim = call["self"], call["dim"]
    if not varies(x) and dim == 0:
        return _look_up(graph, call.weight("self"), call["index"], call.shape)
    if not varies(x):
        raise UserError("it chooses from a constant, in a dimension that is not the first")
    index = [1] * len(call.shape)
    index[dim] = call["index"].size
    chosen = graph.reshape(call["index"], index)
    return graph.unite([graph.reduce(x, [dim]), chosen], call.shape)


@rule("index _unsafe_index", register=BY_INPUT)
def _index(graph: Draft, call: Call) -> Value:
    indices = {dim: index for dim, index in enumerate(call["indices"]) if index is not None}
    if varies(call["self"]):
        return _choose(graph, call["self"], indices, call.tensors["indices"], call.shape)
    if list(indices) == [0]:
        return _look_up(graph, call.weight("self"), indices[0], call.shape)
    graph.entangle(call.values(), call.name)
    chosen = [_beside(graph, index, indices, call["self"]) for index in indices.values() if varies(index)]
    return graph.unite(chosen, call.shape)


def _look_up(graph: Draft, weight: Weight, index: Value, shape: Sequence[int]) -> Value:
    return graph.emit_weighted(Lookup(weight.shape[0]), index, shape, weight)


def _choose(graph: Draft, x: Value, indices: dict[int, Any], values: Any, shape: Sequence[int]) -> Value:
    """x[indices], where some of the indices depend on the input: of those the values do not matter."""
    chosen = [dim for dim, index in indices.items() if varies(index)]
    widest = graph.reduce(x, chosen)
    positions: list[Any] = [slice(None)] * len(x.shape)
    for dim, index in indices.items():
        positions[dim] = torch.zeros(index.shape, dtype=torch.long) if dim in chosen else values[dim].cpu()
    (numbers,) = numbered(widest.shape)
    terms = [graph.rearrange([widest], numbers[tuple(positions)])]
    terms += [_beside(graph, indices[dim], indices, x) for dim in chosen]
    return graph.unite(terms, shape)


def _beside(graph: Draft, index: Value, indices: dict[int, Any], x: Value | Tensor) -> Value:
    """An index in the shape that stands for it within the result."""
    first, last = min(indices), max(indices)
    together = last - first + 1 == len(indices)  # otherwise the indices come first in the result
    behind = len(x.shape) - 1 - last if together else len(x.shape) - len(indices)
    return graph.reshape(index, (*index.shape, *(1,) * behind))


@rule("gather", register=BY_INPUT)
def _gather(graph: Draft, call: Call) -> Value:
    x, dim, index = call["self"], call["dim"], call["index"]
    if not varies(x):
        graph.entangle(call.values(), call.name)
        return graph.unite([index], call.shape)
    widest = graph.reduce(x, [dim])
    (numbers,) = numbered(widest.shape)
    read = tuple(slice(1 if i == dim % len(x.shape) else n) for i, n in enumerate(call.shape))
    return graph.unite([graph.rearrange([widest], numbers[read]), index], call.shape)


@rule("scatter scatter_add scatter_reduce", register=BY_INPUT)
def _scatter(graph: Draft, call: Call) -> Value:
    terms = [call["self"]] if varies(call["self"]) else []
    for part in (call["index"], call.get("src")):
        if varies(part):
            widest = graph.reduce(part, [call["dim"]])
            if any(n not in (1, m) for n, m in zip(widest.shape, call.shape, strict=True)):
                widest = graph.reduce(widest, range(len(call.shape)))
            terms.append(widest)
    return graph.unite(terms, call.shape)


@rule("index_put _unsafe_index_put", register=BY_INPUT)
def _index_put(graph: Draft, call: Call) -> Value:
    indices = call["indices"]
    if any(index is None for index in indices):
        raise UserError("it writes at indices that depend on the input, behind dimensions that it leaves out")
    terms = [call["self"]] if varies(call["self"]) else []
    given = call.tensors["indices"]
    if len(given) == 1 and given[0].dtype == torch.bool and call.tensors["values"].numel() == 1:
        mask = given[0]
        terms += [call["values"]] if varies(call["values"]) else []
        terms.append(graph.reshape(indices[0], (*mask.shape, *(1,) * (len(call.shape) - mask.ndim))))
        return graph.unite(terms, call.shape)
    indexed = sum(index.ndim if index.dtype == torch.bool else 1 for index in given)
    behind = len(call.shape) - indexed  # dimensions of the values that stay what they are
    if varies(call["values"]):
        rank = len(call["values"].shape)
        terms.append(graph.reduce(call["values"], range(max(rank - behind, 0)), keepdim=False))
    places = [index for index in indices if varies(index)]
    terms += [graph.reduce(index) for index in places]
    return graph.unite(terms, call.shape)


@rule("sort topk kthvalue median nanmedian mode argsort argmax argmin msort")
def _sort(graph: Draft, call: Call) -> list[Value]:
    x = call["self"]
    dim = call.get("dim", 0 if call.name == "msort" else None)
    dims = range(len(x.shape)) if dim is None else [dim]
    if len(call.shape) < len(x.shape):
        return [graph.reduce(x, dims, keepdim=False)] * len(call.results)
    return [graph.spread(x, dims, call.shape)] * len(call.results)


@rule("histc bincount")
def _count(graph: Draft, call: Call) -> Value:
    x = call["self"]
    return graph.unite([graph.reduce(x)], call.shape)
