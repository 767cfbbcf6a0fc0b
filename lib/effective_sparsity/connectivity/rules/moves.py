"""Operations that move elements: views, slices, indexing, padding, concatenation, writing into parts.

The operation itself is run on the numbers of the elements, which tells where each of them goes.
"""

import torch
from torch import Tensor

from effective_sparsity.connectivity.calls import Call, leaves, replaced
from effective_sparsity.connectivity.draft import Draft, Value, numbered, varies
from effective_sparsity.connectivity.operators import Accumulation, Concatenation, Rearrangement
from effective_sparsity.connectivity.rules.register import BY_INPUT, names, rule
from effective_sparsity.connectivity.views import View
from effective_sparsity.errors import UserError

# Operations by the arguments whose elements they move or fill in; the others are indices or sizes.
MOVES = {
    ("self",): names(
        """_unsafe_index _unsafe_view _upsample_nearest_exact1d _upsample_nearest_exact2d
        _upsample_nearest_exact3d channel_shuffle diagonal expand flip gather im2col index index_select
        movedim narrow native_channel_shuffle permute pixel_shuffle pixel_unshuffle reflection_pad1d
        reflection_pad2d reflection_pad3d repeat replication_pad1d replication_pad2d replication_pad3d
        reshape roll select slice split split_with_sizes squeeze t take transpose tril triu unbind unfold
        unsafe_split unsafe_split_with_sizes unsqueeze upsample_nearest1d upsample_nearest2d
        upsample_nearest3d view"""
    ),
    ("self", "value"): names("constant_pad_nd index_fill masked_fill"),
    ("self", "other"): names("where"),
    ("self", "source"): names("index_copy masked_scatter"),
    ("self", "src", "value"): names("copy diagonal_scatter scatter select_scatter slice_scatter"),
    ("self", "values"): names("_unsafe_index_put index_put"),
    ("tensors",): names("stack"),
}
# Those of which the results are views of the operand, where it lies in memory in its own order.
_VIEWS = names(
    """diagonal expand movedim narrow permute reshape select slice split split_with_sizes squeeze t transpose
    unbind unfold unsafe_split unsafe_split_with_sizes unsqueeze view _unsafe_view"""
)
_OPERANDS = {name: operands for operands, names in MOVES.items() for name in names}


@rule(*_OPERANDS, *(f"{name}_copy" for name in _OPERANDS))
def _move(graph: Draft, call: Call) -> Value | list[Value]:
    """One rearrangement per result."""
    name = call.name.removesuffix("_copy")
    moved = {operand: call[operand] for operand in _OPERANDS[name] if operand in call}
    others = {argument: given for argument, given in call.arguments.items() if argument not in moved}
    if any(map(varies, leaves(others))):
        return _by_input(graph, call)
    if call.get("reduce"):  # of scatter
        return _scatter_add(graph, call)
    if call.get("accumulate"):
        indices = [slice(None) if index is None else index.cpu() for index in call.tensors["indices"]]
        return _add_up(graph, call, call["values"], numbered(call.shape)[0][tuple(indices)])
    if name in _VIEWS:
        return _views(graph, call)
    inputs = [leaf for leaf in dict.fromkeys(leaves(moved)) if varies(leaf)]
    numbers = dict(zip(inputs, numbered(*(x.shape for x in inputs)), strict=True))
    stand_ins = replaced(moved, lambda leaf: numbers[leaf] if varies(leaf) else _constant(leaf))
    return [graph.rearrange(inputs, result) for result in call.again(stand_ins)]


def _by_input(graph: Draft, call: Call) -> Value | list[Value]:
    """The results of a call whose indices, mask or condition depend on the input."""
    if call.name not in BY_INPUT:
        raise UserError("its indices or its mask depend on the input")
    return BY_INPUT[call.name](graph, call)


def _views(graph: Draft, call: Call) -> list[Value]:
    x = call["self"]
    whole = torch.empty(x.shape, device="meta")
    values = []
    for part in call.again({"self": whole}, _view_of(call.operation)):
        unmoved = part.numel() == x.size and part.is_contiguous()
        view = None if unmoved else View.of(part)
        values.append(graph.emit(Rearrangement((x.shape,), tuple(part.shape), view=view), [x], part.shape))
    return values


def _view_of(operation):
    """The operation of which this one makes a copy."""
    name = operation._schema.name.removeprefix("aten::")
    if name in ("_unsafe_view", "unsafe_split", "unsafe_split_with_sizes"):
        name = name.lstrip("_").removeprefix("unsafe_")
    packet = getattr(torch.ops.aten, name.removesuffix("_copy"))
    overload = operation._overloadname if operation._overloadname in packet.overloads() else "default"
    return getattr(packet, overload)


def _constant(leaf) -> Tensor | int:
    """Zeros, the number of constants, in the place of one."""
    return torch.zeros(leaf.shape, dtype=torch.float64) if isinstance(leaf, (Value, Tensor)) else 0


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
    constant = tuple(not varies(part) for part in parts)
    shapes = tuple(tuple(part.shape) for part in parts)
    dim = call["dim"] % len(call.shape)
    return graph.emit(Concatenation(shapes, constant, dim), call.activations(), call.shape)


@rule("glu")
def _gated_linear_unit(graph: Draft, call: Call) -> Value:
    x, dim = call["self"], call["dim"]
    (numbers,) = numbered(x.shape)
    halves = [graph.rearrange([x], half) for half in numbers.chunk(2, dim)]
    return graph.unite(halves, call.shape)


@rule("col2im")
def _fold(graph: Draft, call: Call) -> Value:
    settings = (call[name] for name in ("kernel_size", "dilation", "padding", "stride"))
    (numbers,) = numbered(call.shape)
    images = numbers if numbers.ndim == 4 else numbers[None]
    target = torch.ops.aten.im2col(images, *settings).reshape(call["self"].shape)
    return _accumulate(graph, call["self"], call.shape, target)


@rule("scatter_add scatter_reduce")
def _scatter_add(graph: Draft, call: Call) -> Value | list[Value]:
    if varies(call["index"]):
        return _by_input(graph, call)
    source, index = call.get("src"), call.tensors["index"].cpu()
    if varies(source) and source.shape != tuple(index.shape):  # more of the source than indices is not read
        (elements,) = numbered(source.shape)
        source = graph.rearrange([source], elements[tuple(map(slice, index.shape))])
    return _add_up(graph, call, source, numbered(call.shape)[0].gather(call["dim"], index))


@rule("index_add index_reduce")
def _index_add(graph: Draft, call: Call) -> Value | list[Value]:
    if varies(call["index"]):
        return _by_input(graph, call)
    places = numbered(call.shape)[0].index_select(call["dim"], call.tensors["index"].cpu())
    return _add_up(graph, call, call["source"], places)


def _add_up(graph: Draft, call: Call, source, places: Tensor) -> Value:
    """Elements of the source are added to those of the operand, at the numbers of these, or replace them."""
    terms = [call["self"]] if varies(call["self"]) else []
    if terms and not call.get("include_self", True):
        (kept,) = numbered(call.shape)
        terms = [graph.rearrange(terms, kept.masked_fill(torch.isin(kept, places), 0))]
    if varies(source):
        terms.append(_accumulate(graph, source, call.shape, places.expand(source.shape)))
    return graph.unite(terms, call.shape)


def _accumulate(graph: Draft, x: Value, shape: tuple[int, ...], target: Tensor) -> Value:
    return graph.emit(Accumulation(x.shape, shape, target.flatten().long().numpy()), [x], shape)
