"""Widest paths through a network: effective scores of its weights."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from functools import cached_property
from math import inf, isinf, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from effective_sparsity.connectivity.files import from_json, to_json
from effective_sparsity.connectivity.graph import Graph
from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.signature import Shapes, Signature
from effective_sparsity.connectivity.tensors import (
    as_array,
    check_apart,
    given,
    keys_of,
    live_masks,
    masks_of,
    scores_of,
)
from effective_sparsity.errors import DamagedFileError, UserError
from effective_sparsity.storage import TensorFile, save_tensors

if TYPE_CHECKING:
    from torch import nn

    from effective_sparsity.connectivity.tensors import Given

# Of the files; another version is not read.
_FORMAT = 3


class Connectivity:
    """The connectivity of a model; trace once, measure often.

    Args:
        model: any module, in any mode, on any device, also inside DataParallel or torch.compile; it is left
            exactly as it was.
        inputs: what the model is called with. A tensor, a tuple of positional arguments or a dict of keyword
            arguments, as for torch.export, with a batch; only shapes and dtypes matter. Or, for a model of
            one input, the shape of a sample without the batch, such as (3, 32, 32). Boolean tensors are
            masks: they keep their values, and no paths start there.
        fixed: names of further keyword arguments that keep their values, such as an attention mask of
            integers.
        conservative: whether an operation that is not understood joins each of its inputs to each of its
            results, and the course of the program is that of the example, instead of an error.

    Attributes:
        graph: the operations on what depends on the input.
        signature: the names of parameters, inputs and outputs.
        shapes: name of each weight of a linear, convolution or embedding operation -> its shape, in the
            model's order. A weight that is computed has the name under which its layer knows it, fc.weight
            for fc.weight_orig and for fc.parametrizations.weight.original.
        unreached: name of each weight that the input never meets (an auxiliary head, say) -> its shape.
        assumed: operations that were not understood and taken to conduct all (only if conservative).
        input_shapes, output_shapes: name of each input and output -> its shape, the batch included.

    Raises:
        UserError: the model does not run on such inputs, or an operation is not understood.

    Example:
        >>> import torch
        >>> connectivity = Connectivity(torch.nn.Linear(3, 1, bias=True), (3,))
        >>> connectivity.effective_scores({"weight": torch.tensor([[0.5, 2.0, -1.0]])})
        {'weight': tensor([[ 0.5000,  2.0000, -1.0000]])}
    """

    def __init__(
        self, model: "nn.Module", inputs, *, fixed: Collection[str] = (), conservative: bool = False
    ):
        from effective_sparsity.connectivity.constants import nonzero  # here, because they import PyTorch
        from effective_sparsity.connectivity.tracing import trace

        traced = trace(model, inputs, fixed, conservative)
        self.graph: Graph = traced.graph
        self.signature: Signature = traced.signature
        self._kept, self._unmasked = nonzero(traced.weights, self.signature.shapes)

    def save(self, path: Path | str) -> None:
        """Writes a file from which `load` makes this object again, atomically.

        The values of the weights are not in it: `masks` cannot be read from what was loaded.
        """
        arrays: dict[str, np.ndarray] = {}
        graph = to_json(self.graph, arrays)
        save_tensors(path, arrays, format=_FORMAT, graph=graph, parameters=asdict(self.signature))

    @classmethod
    def load(cls, path: Path | str) -> "Connectivity":
        """Reads what `save` wrote; neither the model nor PyTorch is needed.

        Raises:
            DamagedFileError: the file is damaged, or was written by another version or by something else.
        """
        file = TensorFile(path)
        if file.metadata.get("format") != _FORMAT:
            raise DamagedFileError(path, "not a connectivity file of this version")
        connectivity = cls.__new__(cls)
        try:
            connectivity.graph = from_json(file.metadata["graph"], file)
            connectivity.signature = Signature(**file.metadata["parameters"])
        except (AttributeError, KeyError, TypeError) as error:
            raise DamagedFileError(path, repr(error)) from error
        connectivity._kept, connectivity._unmasked = {}, ["the weights of a file"]
        return connectivity

    @cached_property
    def shapes(self) -> Shapes:
        used = {step.weight.parameter for step in self.graph.weighted_steps}
        return {name: shape for name, shape in self.signature.shapes.items() if name in used}

    @property
    def unreached(self) -> Shapes:
        return {name: self.signature.shapes[name] for name in self.signature.unreached}

    @property
    def assumed(self) -> list[str]:
        return self.signature.assumed

    @property
    def input_shapes(self) -> Shapes:
        return self._shapes_of(self.signature.inputs, self.graph.inputs)

    @property
    def output_shapes(self) -> Shapes:
        return self._shapes_of(self.signature.outputs, self.graph.outputs)

    def _shapes_of(self, names: list[str], values: tuple[int, ...]) -> Shapes:
        return {name: self.graph.shapes[value] for name, value in zip(names, values, strict=True)}

    def masks(self) -> dict[str, np.ndarray]:
        """The weights that are not zero, as the model computed them when it was traced.

        Masks of torch.nn.utils.prune, parametrisations and zeros written into weights all show here.

        Raises:
            UserError: the values are not known (meta device, a loaded file), or a weight with zeros is
                computed from several parameters.
        """
        if self._unmasked:
            raise UserError(
                f"which weights are zero cannot be read of {self._unmasked[0]}: the values are unknown "
                "or mixed with others; give masks"
            )
        return {
            name: self._kept[name] if name in self._kept else np.ones(shape, bool)
            for name, shape in self.shapes.items()
        }

    def effective_scores(
        self, scores: "Mapping[str, Given]", *, live_inputs=None, live_outputs=None, overwrite: bool = False
    ) -> "dict[str, Given]":
        """See `effective_scores`."""
        return self._effective(given(scores), live_inputs, live_outputs, overwrite)

    def effective_masks(
        self, masks: "Mapping[str, Given] | None" = None, *, live_inputs=None, live_outputs=None
    ) -> "dict[str, Given]":
        """See `effective_masks`; without masks those of `masks`, as arrays."""
        kept = masks_of(self.masks() if masks is None else masks)
        return self._effective(kept, live_inputs, live_outputs)

    def _effective(
        self, scores: "dict[str, Given]", live_inputs, live_outputs, overwrite: bool = False
    ) -> "dict[str, Given]":
        order = self.check(scores)
        sources = live_masks("live_inputs", live_inputs, self.input_shapes)
        targets = live_masks("live_outputs", live_outputs, self.output_shapes)
        names = {name: self.signature.canonical(name) for name in scores}
        if overwrite:
            check_apart(scores)
        keys = {names[name]: keys_of(score, order, overwrite) for name, score in scores.items()}
        effective = self.graph.effective(order, keys, sources, targets, overwrite)
        return {name: scores_of(effective.pop(names[name]), order, score) for name, score in scores.items()}

    def log10_paths(self, masks: "Mapping[str, Given]") -> float:
        """The base-10 logarithm of the number of paths from the inputs to the outputs; -inf if there is none.

        Paths lead from one element of an activation to the next: through a convolution at each of its
        positions, through a pool of any kind by each element of a window, and from an input, never a bias.
        These are the effective paths of Pham et al. (2023, "Towards Data-Agnostic Pruning at
        Initialization"). Inactive weights lie on none, so masks with and without them have as many. The sum
        is one of float64 without subtractions, good to twelve digits and more.

        Args:
            masks: as for :func:`effective_masks`; weights without one are all kept.

        Raises:
            UserError: as for :func:`effective_masks`, or there are more than 1e308 paths.
        """
        masks = masks_of(masks)
        self.check(masks)
        kept = {self.signature.canonical(name): as_array(mask) for name, mask in masks.items()}
        n_paths = self.graph.n_paths(kept)
        if isinf(n_paths):
            raise UserError("the network has more than 1e308 paths, which cannot be counted")
        return log10(n_paths) if n_paths else -inf

    def flops(self, masks: "Mapping[str, Given]") -> dict[str, int]:
        """Floating point operations of the example with the weights of masks: two per weight and use.

        A convolution uses a weight once per output position, padding included; a row of an embedding is only
        read. Where the inputs were given as a shape the example is one sample.

        Raises:
            UserError: as for `effective_masks`.
        """
        masks = masks_of(masks)
        self.check(masks)
        names = {self.signature.canonical(name): name for name in masks}
        counts = dict.fromkeys(masks, 0)
        for step in self.graph.weighted_steps:
            if step.weight.parameter in names:
                name = names[step.weight.parameter]
                weights = int(step.weight.of(as_array(masks[name])).sum())
                uses = step.operator.uses(self.graph.shapes[step.inputs[0]])
                counts[name] += 2 * weights * uses
        return counts

    def check(self, scores: "Mapping[str, Given]") -> Order:
        """The order of the scores.

        Raises:
            UserError: a network without weights, unknown names, wrong shapes, mixed dtypes, or NaN.
        """
        if not (self.shapes or self.signature.entangled):
            raise UserError("the model has no linear or convolution operation, so there is nothing to prune")
        if not scores:
            known = ", ".join([*self.shapes][:3]) or "none: all are " + " and ".join(
                f"mixed by {operation}" for operation in sorted(set(self.signature.entangled.values()))
            )
            raise UserError(f"no scores were given; give at least one weight, such as {known}")
        for name, score in scores.items():
            self.signature.check(name, tuple(score.shape), self.shapes)
        orders = {str(score.dtype): Order.of(score.dtype) for score in scores.values()}
        if len(set(orders.values())) > 1:
            raise UserError(f"scores have dtypes {', '.join(sorted(orders))}; use one for all weights")
        order = next(iter(orders.values()))
        for name, score in scores.items():
            if order.floating and _holds_nan(score):
                raise UserError(f"scores of {name!r} hold NaN; rank such weights lowest with -inf")
        return order


def _holds_nan(score: Any) -> bool:
    return 0 not in score.shape and bool((highest := score.max()) != highest)


def effective_scores(
    model: "nn.Module",
    scores: "Mapping[str, Given]",
    inputs,
    *,
    live_inputs=None,
    live_outputs=None,
    overwrite: bool = False,
) -> "dict[str, Given]":
    """The largest threshold at which each weight is active, for all weights in one pass.

    A weight is active in the subnetwork {score >= t} when it is kept and lies on a path of kept weights from
    an input to an output. That holds exactly for thresholds t up to its effective score,

        min(score, widest path from the input to its source, widest path from its target to the output),

    where a path is as wide as its lowest score; for a convolution, the maximum over the positions where the
    weight meets input rather than padding. Only comparisons are made, so the result is exact in every dtype.

    Args:
        model, inputs: as for `Connectivity`.
        scores: parameter name -> scores of that parameter's shape, all of one dtype (bool, int8 to int64,
            float16, bfloat16, float32 or float64), tensors or NumPy arrays. Larger is kept longer. Weights
            that are not named are never pruned.
        live_inputs, live_outputs: where paths begin and end: boolean arrays of the shape of the input and of
            the output, batch included or not; for several inputs or outputs a sequence or a dict of them by
            name. By default everywhere.
        overwrite: whether the result may be written over the scores, which saves a copy of them. They are
            lost then, whether or not they became the result. No two of them may share memory.

    Returns:
        The effective scores in the same form, never above the scores. A weight that is on no path even when
        nothing is pruned has the least value of the dtype: -inf for floating point, False for bool,
        ``iinfo(dtype).min`` for integers.

    Raises:
        UserError: unknown names, wrong shapes, mixed dtypes, NaN, or a model with an operation whose paths
            are not understood; the message names it and where it stands.

    Source:
        Vysogorets & Kempe, *Connectivity Matters* (JMLR 24(99), 2023), section 3, for effective sparsity; the
        widest path form is proven in docs/effective-sparsity.md.
    """
    connectivity = Connectivity(model, inputs)
    return connectivity.effective_scores(
        scores, live_inputs=live_inputs, live_outputs=live_outputs, overwrite=overwrite
    )


def effective_masks(
    model: "nn.Module",
    masks: "Mapping[str, Given] | None" = None,
    inputs=None,
    *,
    live_inputs=None,
    live_outputs=None,
) -> "dict[str, Given]":
    """The active weights of a subnetwork: kept, and on a path of kept weights from an input to an output.

    Args:
        model, inputs, live_inputs, live_outputs: as for `effective_scores`.
        masks: parameter name -> mask of that parameter's shape, of booleans or of zeros and ones, True or 1
            where the weight is kept. Weights that are not named are kept. By default a weight is kept unless
            it is zero as the model computes it (see `Connectivity.masks`).

    Returns:
        Boolean masks by the same names, True where the weight is active: tensors, or arrays where arrays
        were given or nothing was.

    Raises:
        UserError: as for `effective_scores`, and masks that hold other numbers.
    """
    connectivity = Connectivity(model, inputs)
    return connectivity.effective_masks(masks, live_inputs=live_inputs, live_outputs=live_outputs)
