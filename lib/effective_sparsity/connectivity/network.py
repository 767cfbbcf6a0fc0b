"""Widest paths through a network: effective scores of its weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.connectivity.aten import interpret
from effective_sparsity.connectivity.graph import Step, Value
from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.parameters import Arrangement, Entangled
from effective_sparsity.connectivity.tracing import trace
from effective_sparsity.errors import UserError


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
        >>> connectivity = Connectivity(nn.Linear(3, 1, bias=True), (3,))
        >>> connectivity.effective_scores({"weight": torch.tensor([[0.5, 2.0, -1.0]])})
        {'weight': tensor([[ 0.5000,  2.0000, -1.0000]])}
    """

    def __init__(self, model: nn.Module, input_shape: Sequence[int]):
        self._graph = trace(model, input_shape, interpret)
        origins = [step.weight.origin for step in self._graph.steps if step.weight]
        used = {origin.parameter for origin in origins if isinstance(origin, Arrangement)}
        self._entangled = {
            name: origin.operation
            for origin in origins
            if isinstance(origin, Entangled)
            for name in origin.parameters
        }
        self._parameters = {name: parameter.shape for name, parameter in model.named_parameters()}
        first_names = {parameter: name for name, parameter in model.named_parameters()}
        self._shared = {
            name: first_names[parameter]
            for name, parameter in model.named_parameters(remove_duplicate=False)
            if first_names[parameter] != name
        }
        self.shapes = {name: shape for name, shape in self._parameters.items() if name in used}

    def effective_scores(self, scores: Mapping[str, Tensor | np.ndarray]) -> dict[str, Tensor | np.ndarray]:
        """See :func:`effective_scores`."""
        tensors = {name: torch.as_tensor(given) for name, given in scores.items()}
        order = self.check(scores)
        keys = {name: order.encode(tensor.detach().cpu()) for name, tensor in tensors.items()}
        effective = self._sweep(order, keys)
        results = {name: order.decode(key).to(tensors[name].device) for name, key in effective.items()}
        return {
            name: results[name].numpy() if isinstance(scores[name], np.ndarray) else results[name]
            for name in scores
        }

    def effective_masks(self, masks: Mapping[str, Tensor | np.ndarray]) -> dict[str, Tensor | np.ndarray]:
        """See :func:`effective_masks`."""
        for name, mask in masks.items():
            if torch.as_tensor(mask).dtype != torch.bool:
                raise UserError(
                    f"mask {name!r} has dtype {mask.dtype}; use bool, True where the weight is kept"
                )
        return self.effective_scores(masks)

    def flops(self, masks: Mapping[str, Tensor]) -> dict[str, int]:
        """Floating point operations of one sample with the weights of boolean masks: two per weight and use.

        A convolution uses a weight once per output position, padding included.
        """
        counts = dict.fromkeys(masks, 0)
        for step in self._graph.steps:
            origin = step.weight.origin if step.weight else None
            if isinstance(origin, Arrangement) and origin.parameter in masks:
                weights = int(origin.of(masks[origin.parameter]).sum())
                counts[origin.parameter] += 2 * weights * step.operator.uses(step.inputs[0].shape)
        return counts

    def check(self, scores: Mapping[str, Tensor | np.ndarray]) -> Order:
        """The order of the scores.

        Raises:
            UserError: unknown names, wrong shapes, mixed dtypes, or NaN.
        """
        scores = {name: torch.as_tensor(given) for name, given in scores.items()}
        if not scores:
            raise UserError(
                "no scores were given; give at least one weight, such as " + ", ".join([*self.shapes][:3])
            )
        for name, tensor in scores.items():
            if name in self._entangled:
                raise UserError(
                    f"{name!r} reaches its layer through {self._entangled[name]}, which does not keep single "
                    "weights apart; leave it out of the scores"
                )
            if name in self._shared:
                raise UserError(
                    f"{name!r} is the same parameter as {self._shared[name]!r}; give scores to that name"
                )
            if name not in self._parameters:
                known = ", ".join(self.shapes)
                raise UserError(f"the model has no parameter {name!r}; its weights are {known}")
            if name not in self.shapes:
                raise UserError(
                    f"{name!r} is not the weight of a linear or convolution operation of the evaluated "
                    "model; leave it out of the scores"
                )
            if tensor.shape != self.shapes[name]:
                raise UserError(
                    f"scores of {name!r} have shape {tuple(tensor.shape)}; give one score per weight, "
                    f"shape {tuple(self.shapes[name])}"
                )
            if tensor.is_floating_point() and tensor.isnan().any():
                raise UserError(f"scores of {name!r} hold NaN; rank such weights lowest with -inf")
        dtypes = {tensor.dtype for tensor in scores.values()}
        if len(dtypes) > 1:
            raise UserError(
                f"scores have dtypes {', '.join(sorted(map(str, dtypes)))}; use one for all weights"
            )
        return Order.of(dtypes.pop())

    def _sweep(self, order: Order, keys: dict[str, Tensor]) -> dict[str, Tensor]:
        """One pass forward and one backward; keys of the effective scores."""
        widths = self._forward(order, keys)
        outgoing: dict[Value, Tensor] = {}
        for value in self._graph.outputs:
            outgoing[value] = order.full(value.shape, order.always)
        carried = {name: order.full(key.shape, order.never) for name, key in keys.items()}
        for step in reversed(self._graph.steps):
            beyond = outgoing.pop(step.output, None)
            if beyond is None:
                continue  # a result that no output uses
            if step.weight is None:
                reached = step.operator.backward(order, beyond)
            else:
                origin = step.weight.origin
                if isinstance(origin, Arrangement) and origin.parameter in keys:
                    through = step.operator.through(order, widths[step.inputs[0]], beyond)
                    origin.raise_to(carried[origin.parameter], through)
                reached = [step.operator.backward(order, beyond, self._operand(order, step, keys))]
            for value, width in zip(step.inputs, reached, strict=True):
                outgoing[value] = torch.maximum(outgoing[value], width) if value in outgoing else width
        return {name: torch.minimum(key, carried[name], out=carried[name]) for name, key in keys.items()}

    def _forward(self, order: Order, keys: dict[str, Tensor]) -> dict[Value, Tensor]:
        """Widths of the values that enter an operation with weights."""
        steps = self._graph.steps
        last_use = {value: index for index, step in enumerate(steps) for value in step.inputs}
        kept = {step.inputs[0] for step in steps if step.weight}
        widths = {self._graph.input: order.full(self._graph.input.shape, order.always)}
        for index, step in enumerate(steps):
            inputs = [widths[value] for value in step.inputs]
            if step.weight is not None:
                inputs.append(self._operand(order, step, keys))
            widths[step.output] = step.operator.forward(order, *inputs)
            for value in set(step.inputs):
                if last_use[value] == index and value not in kept:
                    del widths[value]
        return widths

    @staticmethod
    def _operand(order: Order, step: Step, keys: dict[str, Tensor]) -> Tensor:
        origin = step.weight.origin
        if isinstance(origin, Arrangement) and origin.parameter in keys:
            return origin.of(keys[origin.parameter])
        return order.full(step.weight.shape, order.always)


def effective_scores(
    model: nn.Module, scores: Mapping[str, Tensor | np.ndarray], input_shape: Sequence[int]
) -> dict[str, Tensor | np.ndarray]:
    """The largest threshold at which each weight is active, for all weights in one pass.

    A weight is active in the subnetwork {score >= t} when it is kept and lies on a path of kept weights from
    an input to an output. That holds exactly for thresholds t up to its effective score,

        min(score, widest path from the input to its source, widest path from its target to the output),

    where a path is as wide as its lowest score; for a convolution, the maximum over the positions where the
    weight meets input rather than padding. Only comparisons are made, so the result is exact in every dtype.

    Args:
        model: any module, in any mode, on any device; it is left exactly as it was.
        scores: parameter name -> scores of that parameter's shape, all of one dtype (bool, int8 to int64,
            float16, bfloat16, float32 or float64). Larger is kept longer. Weights that are not named are
            never pruned.
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
    model: nn.Module, masks: Mapping[str, Tensor | np.ndarray], input_shape: Sequence[int]
) -> dict[str, Tensor | np.ndarray]:
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
