"""Pools and resizing: results from windows of positions."""

from math import prod

import numpy as np
import torch

from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.draft import Draft, Value, numbered, varies
from effective_sparsity.connectivity.operators import Pooling
from effective_sparsity.connectivity.rules.register import rule
from effective_sparsity.connectivity.windows import Window

_KINDS = [f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)]


@rule(*_KINDS, *(f"{kind}_with_indices" for kind in _KINDS))
def _pool(graph: Draft, call: Call) -> list[Value]:
    x, kernel, spatial = call["self"], call["kernel_size"], _spatial(call)
    window = Window.of(
        size=x.shape[-spatial:],
        steps=call.shape[-spatial:],
        kernel=kernel,
        stride=call["stride"] or kernel,
        padding=call["padding"],
        dilation=call.get("dilation", 1),
    )
    return [graph.emit(Pooling(x.shape, window), [x], call.shape)] * len(call.results)


@rule(*(f"{prefix}adaptive_{kind}" for prefix in ("", "_") for kind in _KINDS))
def _adaptive_pool(graph: Draft, call: Call) -> list[Value]:
    """In each dimension n windows over s positions, of which i sees [floor(i s / n), ceil((i + 1) s / n))."""
    x = call["self"]
    for dim in range(len(x.shape) - _spatial(call), len(x.shape)):
        s, n = x.shape[dim], call.shape[dim]
        window, position = np.arange(n)[:, None], np.arange(s)
        linked = (window * s // n <= position) & (position * n < (window + 1) * s)
        x = graph.link(x, dim, linked)
    return [x] * len(call.results)


def _spatial(call: Call) -> int:
    """Number of dimensions of positions, which the name of the operation holds."""
    return int(call.name.partition("_pool")[2][0])


@rule(
    """_upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_lanczos2d_aa upsample_bicubic2d
    upsample_bilinear2d upsample_linear1d upsample_trilinear3d"""
)
def _resize(graph: Draft, call: Call) -> Value:
    """Interpolation is a linear map along each dimension; it is run on unit vectors to see which."""
    x = call["self"]
    positions = len(x.shape) - 2

    def sizes(dim: int, along: int, across: int) -> list[int]:
        return [along if i == dim else across for i in range(positions)]

    for dim in range(positions):
        n, n_results = x.shape[2 + dim], call.shape[2 + dim]
        # Two positions in the other dimensions: of one alone PyTorch takes another path, with a fault.
        units = torch.eye(n, dtype=torch.float64).reshape(1, n, *sizes(dim, n, 1))
        units = units.expand(1, n, *sizes(dim, n, 2)).contiguous()
        (resized,) = call.again({"self": units, "output_size": sizes(dim, n_results, 2)})
        weights = resized.movedim(2 + dim, 2).reshape(n, n_results, -1)[:, :, 0]
        x = graph.link(x, 2 + dim, (weights != 0).T.numpy())
    return x


@rule("grid_sampler_2d grid_sampler_3d cudnn_grid_sampler")
def _sample(graph: Draft, call: Call) -> Value:
    """A linear map between positions, or, where the grid depends on the input, from any position."""
    x, grid = call["input"], call["grid"]
    spatial = len(call.shape) - 2
    if varies(grid):
        index = graph.reduce(grid, [-1], keepdim=False)
        terms = [graph.reshape(index, (index.shape[0], 1, *index.shape[1:]))]
        terms += [graph.reduce(x, range(2, 2 + spatial))] if varies(x) else []
        return graph.unite(terms, call.shape)
    n = prod(x.shape[2:])
    units = torch.eye(n, dtype=torch.float64).reshape(1, n, *x.shape[2:])
    grids = call.tensors["grid"].cpu().double().split(1)
    sampled = [call.again({"input": units, "grid": grid})[0] for grid in grids]
    linked = torch.cat(sampled).reshape(len(grids), n, -1).mT != 0
    counts, places = linked.sum(2), linked.byte().argsort(2, descending=True)
    flat = numbered(x.shape)[0].reshape(*x.shape[:2], n)
    terms = []
    for i in range(max(1, int(counts.max()))):
        place = places[:, None, :, i].expand(-1, x.shape[1], -1)
        moved = flat.gather(2, place) * (counts > i)[:, None]
        terms.append(graph.rearrange([x], moved.reshape(call.shape)))
    return graph.unite(terms, call.shape)


@rule("torchvision.roi_align torchvision.roi_pool")
def _align_regions(graph: Draft, call: Call) -> list[Value]:
    """Features of regions (K, C, *bins): from any position of their channel, and from the region itself."""
    terms = []
    if varies(call["input"]):
        terms.append(graph.reduce(call["input"], [0, 2, 3]))
    if varies(call["rois"]):
        terms.append(graph.reshape(graph.reduce(call["rois"], [1]), (call.shape[0], 1, 1, 1)))
    return [graph.unite(terms, call.shape)] * len(call.results)
