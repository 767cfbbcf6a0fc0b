"""Operations that move elements: views, slices, indexing, padding, concatenation, writing into parts.

The operation itself is run on the numbers of the elements, which tells where each of them goes.
"""

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from effective_sparsity.connectivity.calls import Call, Draft, Value, call_by_name, on_cpu
from effective_sparsity.connectivity.operators import Concatenation
from effective_sparsity.connectivity.rules.basics import names, numbered, rearrange, rule, union, unite
from effective_sparsity.errors import UserError

# Operations by the arguments whose elements they move or fill in; the others are indices or sizes.
MOVES = {
    ("self",): names(
        """_unsafe_index _unsafe_view channel_shuffle diagonal expand flip gather im2col index
        index_select movedim narrow native_channel_shuffle permute pixel_shuffle pixel_unshuffle
        reflection_pad1d reflection_pad2d reflection_pad3d repeat replication_pad1d
        replication_pad2d replication_pad3d reshape roll select slice split split_with_sizes squeeze
        t take transpose tril triu unbind unfold unsafe_split unsafe_split_with_sizes unsqueeze view"""
    ),
    ("self", "value"): names("constant_pad_nd index_fill masked_fill"),
    ("self", "input"): names("upsample_nearest1d upsample_nearest2d upsample_nearest3d"),
    ("self", "other"): names("where"),
    ("self", "source"): names("index_copy masked_scatter"),
    ("self", "src", "value"): names("copy diagonal_scatter scatter select_scatter slice_scatter"),
    ("self", "values"): names("index_put"),
    ("tensors",): names("stack"),
}
_OPERANDS = {name: operands for operands, names in MOVES.items() for name in names}


@rule(*_OPERANDS, *(f"{name}_copy" for name in _OPERANDS))
def move(graph: Draft, call: Call) -> list[Value]:
    """One rearrangement per result."""
    moved = {name: call[name] for name in _OPERANDS[call.name.removesuffix("_copy")] if name in call}
    inputs = [leaf for leaf in dict.fromkeys(tree_leaves(moved)) if _varies(leaf)]
    if set(inputs) != set(call.activations()):
        raise UserError("its indices or its mask depend on the input")
    if call.get("accumulate"):
        raise UserError("it adds up elements; only overwriting is understood")

    numbers = dict(zip(inputs, numbered(inputs), strict=True))
    stand_ins = tree_map(lambda leaf: numbers[leaf] if _varies(leaf) else _constant(leaf), moved)
    others = {name: given for name, given in call.tensors.items() if name not in moved}
    results = call_by_name(call.operation, on_cpu(others) | stand_ins)
    results = results if isinstance(results, (list, tuple)) else [results]
    return [rearrange(graph, inputs, result) for result in results]


def _varies(leaf) -> bool:
    return isinstance(leaf, Value) and leaf.varying


def _constant(leaf) -> Tensor | int | None:
    """Zeros, the number of constants, in the place of one."""
    if leaf is None:
        return None
    return torch.zeros(leaf.shape, dtype=torch.float64) if isinstance(leaf, (Value, Tensor)) else 0


@rule("where")
def _where(graph: Draft, call: Call) -> Value | list[Value]:
    return union(graph, call) if _varies(call["condition"]) else move(graph, call)


@rule("as_strided")
def _restride(graph: Draft, call: Call) -> Value:
    # PyTorch's global average pooling of a channels-last tensor only rewrites the strides of its singleton
    # dimensions.
    if not call.in_place or call["self"].shape != call.shape or not call.results[0].is_contiguous():
        raise UserError("strides into memory are not understood; use views and indexing")
    return call["self"]


@rule("cat")
def _concatenate(graph: Draft, call: Call) -> Value:
    parts = [part for part in call["tensors"] if part.shape != (0,)]  # such parts are ignored by PyTorch
    constant = tuple(not _varies(part) for part in parts)
    shapes = tuple(tuple(part.shape) for part in parts)
    dim = call["dim"] % len(call.shape)
    return graph.emit(Concatenation(shapes, constant, dim), call.activations(), call.shape)


@rule("glu")
def _gated_linear_unit(graph: Draft, call: Call) -> Value:
    x, dim = call["self"], call["dim"]
    (numbers,) = numbered([x])
    halves = [rearrange(graph, [x], half) for half in numbers.chunk(2, dim)]
    return unite(graph, halves, call.shape)
