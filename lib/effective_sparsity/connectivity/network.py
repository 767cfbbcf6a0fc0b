"""Widest paths through a network: effective scores of its weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from effective_sparsity.connectivity.files import from_json, to_json
from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.tensors import as_array, given, keys_of, scores_of
from effective_sparsity.errors import DamagedFileError, UserError
from effective_sparsity.storage import TensorFile, save_tensors

if TYPE_CHECKING:
    from torch import nn

    from effective_sparsity.connectivity.tensors import Given

# Of the files; another version is not read.
_FORMAT = 2

Shapes = dict[str, tuple[int, ...]]


class Connectivity:
    """The connectivity of a model; trace once, measure often.

    Args:
        model: any module, in any mode, on any device; it is left exactly as it was.
        input_shape: shape of one sample without the batch, such as (3, 32, 32).

    Attributes:
        shapes: name of each weight of a linear or convolution operation -> its shape, in the model's order.

    Raises:
        UserError: the model does not run on such an input, or an operation is not understood.

    Example:
        >>> import torch
        >>> connectivity = Connectivity(torch.nn.Linear(3, 1, bias=True), (3,))
        >>> connectivity.effective_scores({"weight": torch.tensor([[0.5, 2.0, -1.0]])})
        {'weight': tensor([[ 0.5000,  2.0000, -1.0000]])}
    """

    def __init__(self, model: "nn.Module", input_shape: Sequence[int]):
        from effective_sparsity.connectivity.tracing import trace  # here, because it imports PyTorch

        self._graph, entangled = trace(model, input_shape)
        first_names = {parameter: name for name, parameter in model.named_parameters()}
        self._parameters = _Parameters(
            {name: tuple(parameter.shape) for name, parameter in model.named_parameters()},
            entangled,
            {
                name: first_names[parameter]
                for name, parameter in model.named_parameters(remove_duplicate=False)
                if first_names[parameter] != name
            },
        )

    def save(self, path: Path | str) -> None:
        """Writes a file from which :meth:`load` makes this object again, atomically."""
        arrays = {}
        graph = to_json(self._graph, arrays)
        save_tensors(path, arrays, format=_FORMAT, graph=graph, parameters=vars(self._parameters))

    @classmethod
    def load(cls, path: Path | str) -> "Connectivity":
        """Reads what :meth:`save` wrote; neither the model nor PyTorch is needed.

        Raises:
            DamagedFileError: the file is damaged, or was written by another version or by something else.
        """
        file = TensorFile(path)
        if file.metadata.get("format") != _FORMAT:
            raise DamagedFileError(path, "it is no connectivity file of this version")
        connectivity = cls.__new__(cls)
        try:
            connectivity._graph = from_json(file.metadata["graph"], file)
            shapes, entangled, shared = (
                file.metadata["parameters"][key] for key in ("shapes", "entangled", "shared")
            )
            shapes = {name: tuple(shape) for name, shape in shapes.items()}
            connectivity._parameters = _Parameters(shapes, entangled, shared)
        except (AttributeError, KeyError, TypeError) as error:
            raise DamagedFileError(path, repr(error)) from error
        return connectivity

    @cached_property
    def shapes(self) -> Shapes:
        used = {step.weight.parameter for step in self._graph.weighted_steps}
        return {name: shape for name, shape in self._parameters.shapes.items() if name in used}

    def effective_scores(self, scores: "Mapping[str, Given]") -> "dict[str, Given]":
        """See :func:`effective_scores`."""
        scores = given(scores)
        order = self.check(scores)
        keys = {name: keys_of(score, order) for name, score in scores.items()}
        effective = self._graph.effective(order, keys)
        return {name: scores_of(effective[name], order, score) for name, score in scores.items()}

    def effective_masks(self, masks: "Mapping[str, Given]") -> "dict[str, Given]":
        """See :func:`effective_masks`."""
        return self.effective_scores(_masks(masks))

    def flops(self, masks: "Mapping[str, Given]") -> dict[str, int]:
        """Floating point operations of one sample with the weights of boolean masks: two per weight and use.

        A convolution uses a weight once per output position, padding included.

        Raises:
            UserError: as for :func:`effective_masks`.
        """
        masks = _masks(masks)
        self.check(masks)
        arrays = {name: as_array(mask) for name, mask in masks.items()}
        counts = dict.fromkeys(arrays, 0)
        for step in self._graph.weighted_steps:
            if step.weight.parameter in arrays:
                weights = int(step.weight.of(arrays[step.weight.parameter]).sum())
                uses = step.operator.uses(self._graph.shapes[step.inputs[0]])
                counts[step.weight.parameter] += 2 * weights * uses
        return counts

    def check(self, scores: "Mapping[str, Given]") -> Order:
        """The order of the scores.

        Raises:
            UserError: a network without weights, unknown names, wrong shapes, mixed dtypes, or NaN.
        """
        if not (self.shapes or self._parameters.entangled):
            raise UserError("the model has no linear or convolution operation, so there is nothing to prune")
        if not scores:
            raise UserError(
                "no scores were given; give at least one weight, such as " + ", ".join([*self.shapes][:3])
            )
        for name, score in scores.items():
            self._parameters.check(name, tuple(score.shape), self.shapes)
        orders = {str(score.dtype): Order.of(score.dtype) for score in scores.values()}
        if len(set(orders.values())) > 1:
            raise UserError(f"scores have dtypes {', '.join(sorted(orders))}; use one for all weights")
        order = next(iter(orders.values()))
        for name, score in scores.items():
            if order.floating and (score != score).any():
                raise UserError(f"scores of {name!r} hold NaN; rank such weights lowest with -inf")
        return order


def _masks(masks: "Mapping[str, Given]") -> "dict[str, Given]":
    masks = given(masks)
    for name, mask in masks.items():
        if str(mask.dtype).removeprefix("torch.") != "bool":
            raise UserError(f"mask {name!r} has dtype {mask.dtype}; use bool, True where the weight is kept")
    return masks


@dataclass(frozen=True)
class _Parameters:
    """What is known of a model's parameters.

    Attributes:
        shapes: of all parameters, in the model's order.
        entangled: name of each that reaches its layer mixed with others -> the operation that mixed them.
        shared: further name of a parameter -> its first name.
    """

    shapes: Shapes
    entangled: dict[str, str]
    shared: dict[str, str]

    def check(self, name: str, shape: tuple[int, ...], usable: Shapes) -> None:
        """Raises UserError unless scores of this name and shape can be used."""
        if name in self.entangled:
            raise UserError(
                f"{name!r} reaches its layer through {self.entangled[name]}, which does not keep single "
                "weights apart; leave it out of the scores"
            )
        if name in self.shared:
            raise UserError(
                f"{name!r} is the same parameter as {self.shared[name]!r}; give scores to that name"
            )
        if name not in self.shapes:
            raise UserError(f"the model has no parameter {name!r}; its weights are {', '.join(usable)}")
        if name not in usable:
            raise UserError(
                f"{name!r} is not the weight of a linear or convolution operation of the evaluated "
                "model; leave it out of the scores"
            )
        if shape != usable[name]:
            raise UserError(
                f"{name!r} was given in shape {shape}; give one number per weight, shape {usable[name]}"
            )


def effective_scores(
    model: "nn.Module", scores: "Mapping[str, Given]", input_shape: Sequence[int]
) -> "dict[str, Given]":
    """The largest threshold at which each weight is active, for all weights in one pass.

    A weight is active in the subnetwork {score >= t} when it is kept and lies on a path of kept weights from
    an input to an output. That holds exactly for thresholds t up to its effective score,

        min(score, widest path from the input to its source, widest path from its target to the output),

    where a path is as wide as its lowest score; for a convolution, the maximum over the positions where the
    weight meets input rather than padding. Only comparisons are made, so the result is exact in every dtype.

    Args:
        model: any module, in any mode, on any device; it is left exactly as it was.
        scores: parameter name -> scores of that parameter's shape, all of one dtype (bool, int8 to int64,
            float16, bfloat16, float32 or float64), tensors or NumPy arrays. Larger is kept longer. Weights
            that are not named are never pruned.
        input_shape: shape of one sample without the batch, such as (3, 32, 32).

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
    return Connectivity(model, input_shape).effective_scores(scores)


def effective_masks(
    model: "nn.Module", masks: "Mapping[str, Given]", input_shape: Sequence[int]
) -> "dict[str, Given]":
    """The active weights of a subnetwork: kept, and on a path of kept weights from an input to an output.

    Args:
        model: as for :func:`effective_scores`.
        masks: parameter name -> boolean mask of that parameter's shape, True where the weight is kept.
            Weights that are not named are kept.
        input_shape: shape of one sample without the batch.

    Returns:
        Boolean masks in the same form, True where the weight is active.

    Raises:
        UserError: as for :func:`effective_scores`, and masks that are not boolean.
    """
    return Connectivity(model, input_shape).effective_masks(masks)
