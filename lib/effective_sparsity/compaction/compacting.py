"""Compaction of a model from its masks."""

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.compaction.correspondence import Correspondence
from effective_sparsity.compaction.layers import ConstantOutputs
from effective_sparsity.compaction.narrowing import cut, narrowed
from effective_sparsity.compaction.plain import plain_copy, sample_shape
from effective_sparsity.compaction.plan import Plan
from effective_sparsity.compaction.recording import Recording, record
from effective_sparsity.compaction.verification import verify
from effective_sparsity.connectivity.models import aliases, public_names, unwrapped
from effective_sparsity.connectivity.network import Connectivity
from effective_sparsity.connectivity.tensors import as_array, masks_of
from effective_sparsity.errors import UserError

if TYPE_CHECKING:
    from effective_sparsity.connectivity.tensors import Given

Constants = Literal["fold", "keep", "train"]


@dataclass(frozen=True, eq=False)
class Width:
    """One side of a layer's weight.

    Attributes:
        layer: name of the layer.
        side: "inputs" or "outputs".
        before: number of units in the model.
        kept: number of units in the compacted network; 0 if the layer is gone.
        reasons: for dead units that are kept, how many -> why.
    """

    layer: str
    side: str
    before: int
    kept: int
    reasons: dict[str, int]


@dataclass(frozen=True, eq=False)
class Compaction:
    """A compacted network, and what became of each layer.

    Attributes:
        model: the network.
        masks: parameter name -> boolean mask of the weights that are left, as tensors on the CPU.
        widths: of each layer that was looked at, in the order of execution.
        replaced: names of the layers whose result was constant, and became one.
        dropped: names of the layers whose results nothing needs any more.
        places: name in the network's `state_dict` -> for each of its elements the flat index that it has in
            the model's entry of this name. What compaction made anew has none.
    """

    model: nn.Module
    masks: dict[str, Tensor]
    widths: tuple[Width, ...]
    replaced: tuple[str, ...]
    dropped: tuple[str, ...]
    places: dict[str, Tensor]


def compact(
    model: nn.Module,
    masks: "Mapping[str, Given] | None",
    inputs,
    constants: Constants = "fold",
) -> nn.Module:
    """A smaller network that computes the same function as a pruned one.

    Args:
        model: any module that `effective_masks` takes, of one floating point input; it is left as it was.
        masks: parameter name -> mask, True or 1 where the weight is kept; weights that are not named are
            kept. None: the masks of ``torch.nn.utils.prune``, and other weights where they are not zero.
        inputs: shape of one sample without the batch, or an example with a batch. The result is made for
            inputs of this shape: which units are live depends on it.
        constants: what becomes of units that biases alone feed, so that they are constant.

            - "fold": they go into the biases of what they feed. Behind a padded convolution a constant is not
              constant at the border: there the bias becomes a map (`BiasMapConv2d`) for this input size.
            - "keep": as "fold", but a channel whose constant has no single bias is kept, so that all layers
              stay ordinary ones.
            - "train": to train the result. Only what training can never bring back is cut: units that no
              output depends on, and constants that are zero without a gradient, as those are that batch norm
              and ReLU leave of a dead unit. Others are kept with their parameters. The result then follows
              the trajectory of the masked network, if its own masks (`Compaction.masks`) are held on to.

    Returns:
        A copy of the model, in its dtype, on its device and in its mode, whose layers are narrower. Its
        function in evaluation mode is that of the masked model, up to rounding.

    Raises:
        UserError: as for `effective_masks`; several inputs or integers; a model that cannot be copied; or an
            operation in the way that cannot be rewritten.

    Warns:
        UserWarning: no path is left from the inputs to the outputs, so the result is a constant.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> mask = torch.tensor([[True, False, False, True]] * 2 + [[False] * 4])
        >>> compact(model, {"0.weight": mask}, (4,))
        Sequential(
          (0): Linear(in_features=4, out_features=2, bias=True)
          (1): ReLU()
          (2): Linear(in_features=2, out_features=2, bias=True)
        )
    """
    return compaction(model, masks, inputs, constants).model


def compaction(
    model: nn.Module,
    masks: "Mapping[str, Given] | None",
    inputs,
    constants: Constants = "fold",
) -> Compaction:
    """As `compact`, with an account of what was cut, what was not, and why."""
    if constants not in get_args(Constants):
        raise UserError(f"constants={constants!r} is unknown; use one of {', '.join(get_args(Constants))}")
    input_shape = sample_shape(inputs)
    inner = unwrapped(model)
    names, masked = aliases(model, inner, public_names(inner)), plain_copy(inner)
    if masks is not None:
        masks = {names.get(name, name): mask for name, mask in masks_of(masks).items()}
    kept = _checked(masked, masks, input_shape)
    with torch.no_grad():
        for name, mask in kept.items():
            weight = masked.get_parameter(name)
            weight.mul_(torch.from_numpy(mask).to(weight.device))
    exact = copy.deepcopy(masked).cpu().double().eval()
    recording = record(exact, input_shape)
    if recording.failure:
        raise recording.failure
    plan = _settled(exact, kept, recording, constants, input_shape)
    changes = [plan.changes[value].any() for value in recording.graph.outputs]
    if not any(changes):
        warnings.warn(
            "no path is left from the inputs to the outputs: the network is a constant", stacklevel=3
        )
    if not any(changes) and constants != "train":
        return Compaction(ConstantOutputs(exact, masked, input_shape), {}, (), (), (), {})
    small, places = narrowed(masked, plan), _places(exact, plan)
    left = kept.keys() & dict(small.named_parameters()).keys()
    return Compaction(
        small,
        {name: torch.from_numpy(mask).take(places[name]) for name, mask in kept.items() if name in left},
        _widths(plan),
        tuple(plan.constant_layers),
        tuple(sorted(plan.idle_layers)),
        places,
    )


def _checked(
    model: nn.Module, masks: "Mapping[str, Given] | None", input_shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """The masks as arrays, by the names of the plain copy."""
    connectivity = Connectivity(model, input_shape)
    if masks is None:
        return {name: model.get_parameter(name).detach().cpu().numpy() != 0 for name in connectivity.shapes}
    if masks:
        connectivity.flops(masks)  # raises what is wrong with them
    return {name: np.ascontiguousarray(as_array(mask)) for name, mask in masks.items()}


def _settled(
    model: nn.Module,
    masks: Mapping[str, np.ndarray],
    recording: Recording,
    constants: str,
    input_shape: tuple[int, ...],
) -> Plan:
    """A plan whose network was seen to do what the model does."""
    for replace in (True, False):
        plan = Plan(model, masks, recording, constants, replace)
        while True:
            small = narrowed(model, plan)
            difference = Correspondence(plan, record(small, input_shape)).difference
            if difference is None:
                verify(model, small, plan, input_shape)
                return plan
            if not plan.fix(difference, f"{difference} has a fixed size"):
                break
    raise UserError(
        f"{difference} computes with the widths of layers in a way that cannot be rewritten; "
        "take the sizes from the shapes of its operands"
    )


def _places(model: nn.Module, plan: Plan) -> dict[str, Tensor]:
    """See `Compaction`: what narrowing leaves of a model whose entries are numbered."""
    numbered = copy.deepcopy(model)
    state = numbered.state_dict()
    for entry in state.values():
        entry.copy_(torch.arange(entry.numel()).view(entry.shape))
    return {name: entry.long() for name, entry in cut(numbered, plan).state_dict().items() if name in state}


def _widths(plan: Plan) -> tuple[Width, ...]:
    widths = []
    for name, kernel in plan.kernel_layers.items():
        for side, ids in (("inputs", kernel.inputs), ("outputs", kernel.outputs)):
            kept = int(plan.keeps(ids).sum()) if plan.runs(name) else 0
            widths.append(Width(name, side, len(ids), kept, plan.reasons(ids) if kept else {}))
    return tuple(widths)
