"""The pruners of the study (no torch until one of them runs).

A new pruner is a function from `Inputs` to scores, and an entry in `PRUNERS`; `PAPER` has those of the paper,
`SINCE_2021` those that came after it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import Network
from effective_sparsity.networks.types import Masks
from effective_sparsity.pruning import allocations, controls
from effective_sparsity.pruning.magnitude import lamp, magnitude
from effective_sparsity.pruning.orders import Layers, at_random, by_score, redistribute
from effective_sparsity.pruning.ranking import Priorities

if TYPE_CHECKING:
    from torch import nn

    from effective_sparsity.connectivity import Connectivity

# Of the pruners that take gradients: samples of a minibatch, and minibatches or steps of a pruner.
MINIBATCH = 128
SNIP_BATCHES = 300
SNIP_STEPS = 300
SYNFLOW_STEPS = 100
# Of iterative magnitude pruning: compression after the last round, and rounds: ten divide the weights by ten.
IMP_COMPRESSION = 10_000
IMP_ROUNDS = 40


_ABSENT: Any = None


@dataclass(frozen=True)
class Inputs:
    """What a pruner may look at.

    Attributes:
        network: the architecture; None if it is not one of the study's.
        initial: its whole initial state, by name as in the model's state_dict.
        prunable: names of the prunable weights, in the order of the layers.
        seed: the study's seed of this replicate.
        dataset: training data; None unless the pruner `needs_data`.
        trained: prunable weights after dense training; None unless the pruner `needs_trained`.
        borrowed: the order in which another pruner keeps the weights; None unless the pruner `borrows`.
        connectivity: that of the network; None unless the pruner `needs_connectivity`.
        compression: the target; None unless the pruner is `iterative`.
        snip_loss: "cross-entropy" or "linear" (see `saliencies`).
        train: from masks of the prunable weights to their values after training from `initial`; None unless
            the pruner has `trainings`.
        device: where a pruner that `needs_data` runs the network: "cpu", "cuda" or "cuda:1".
    """

    network: Network | None
    initial: Layers
    prunable: tuple[str, ...]
    seed: int
    # Their types are those that they have for the pruners that say that they need them.
    dataset: Dataset = _ABSENT
    trained: Layers = _ABSENT
    borrowed: Priorities = _ABSENT
    connectivity: "Connectivity" = _ABSENT
    compression: float = _ABSENT
    train: Callable[[Masks], Layers] = _ABSENT
    snip_loss: str = "cross-entropy"
    device: str = "cpu"

    @cached_property
    def weights(self) -> Layers:
        """The initial prunable weights."""
        return {name: self.initial[name] for name in self.prunable}

    @cached_property
    def n_weights(self) -> int:
        """The count of all prunable weights, N."""
        return sum(weight.size for weight in self.weights.values())

    @property
    def architecture(self) -> Network:
        """The network.

        Raises:
            UserError: it is not one of the study's.
        """
        if self.network is None:
            raise UserError(
                "this pruner needs a network of the study; see effective_sparsity.networks.registry"
            )
        return self.network

    def model(self) -> "nn.Module":
        """A new model with the initial weights."""
        from effective_sparsity.networks.state import with_state

        return with_state(self.architecture.build(), self.initial)


@dataclass(frozen=True)
class Pruner:
    """A ranking method.

    Attributes:
        scores: from `Inputs` to a score for every prunable weight; larger is kept longer, +inf always, -inf
            never.
        needs_data, needs_trained, needs_connectivity: which inputs it reads beside the initial weights.
        borrows: name of the pruner whose ranking it reads.
        iterative: whether its ranking depends on the target compression.
        convolutional_only: whether it is undefined for networks without convolutions.
        fully_connected_only: whether it is undefined for networks with convolutions.
        needs_loss: whether it depends on the loss that `snip_loss` chooses.
        trainings: how many times it trains the network.
        control: whether it answers a question about other pruners, and so is never in a study unless named.
        version: stands for its code in the workflow, which ranks again when it changes. Raise it when an edit
            changes the scores. Without one, its module counts, and what that imports (`study.code`).
    """

    scores: Callable[[Inputs], Layers]
    needs_data: bool = False
    needs_trained: bool = False
    needs_connectivity: bool = False
    borrows: str | None = None
    iterative: bool = False
    convolutional_only: bool = False
    fully_connected_only: bool = False
    needs_loss: bool = False
    trainings: int = 0
    control: bool = False
    version: int | None = None

    @property
    def costly(self) -> bool:
        """Whether its scores take gradients or the data set; its rankings are stored, not made again."""
        return self.needs_data or (self.iterative and not self.borrows)

    def priorities(self, inputs: Inputs) -> Priorities:
        """The order in which it keeps the weights.

        Raises:
            UserError: its scores are not one number for each prunable weight.
        """
        scores = self.scores(inputs)
        for name, weight in inputs.weights.items():
            score = scores.get(name)
            if not isinstance(score, np.ndarray) or score.shape != weight.shape:
                shape = getattr(score, "shape", None)
                found = type(score).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")
                raise UserError(
                    f"pruner {self.scores.__name__}: its scores of {name} are {found}; return a NumPy array "
                    f"of shape {weight.shape}"
                )
        if foreign := set(scores) - set(inputs.weights):
            raise UserError(
                f"pruner {self.scores.__name__}: {', '.join(sorted(foreign))} cannot be pruned; return "
                f"scores for {', '.join(inputs.weights)} alone"
            )
        return Priorities.of({name: scores[name] for name in inputs.weights})


def _random(allocation: allocations.Allocation, **facts) -> Pruner:
    def scores(inputs: Inputs) -> Layers:
        return allocation(at_random(inputs.weights, inputs.seed))

    return Pruner(scores, **facts)


def _random_with_quotas_of(lender: str, **facts) -> Pruner:
    def scores(inputs: Inputs) -> Layers:
        return redistribute(inputs.borrowed.layers, at_random(inputs.weights, inputs.seed))

    return Pruner(scores, borrows=lender, **facts)


def _magnitude(allocation: allocations.Allocation, **facts) -> Pruner:
    def scores(inputs: Inputs) -> Layers:
        return allocation(by_score(magnitude(inputs.trained)))

    return Pruner(scores, needs_trained=True, **facts)


def _random_with_smart_ratios(inputs: Inputs) -> Layers:
    power = inputs.network.smart_ratio_power if inputs.network else 0
    return allocations.smart_ratio(at_random(inputs.weights, inputs.seed), power)


@dataclass(frozen=True)
class Lazy:
    """A function that is imported when it is first called, because its module imports torch.

    Attributes:
        path: where it is, as "package.module:function"; written out, because `study.code` reads the text.
    """

    path: str

    @property
    def __name__(self) -> str:
        return self.path.partition(":")[2]

    def __call__(self, inputs: Inputs) -> Layers:
        module, _, function = self.path.partition(":")
        return getattr(import_module(module), function)(inputs)


def _saliency(function: str, **facts) -> Pruner:
    return Pruner(Lazy(f"effective_sparsity.pruning.saliencies:{function}"), **facts)


def _control(scores: Callable[[Inputs], Layers], **facts) -> Pruner:
    return Pruner(scores, fully_connected_only=True, control=True, version=2, **facts)


def _control_by_active_pixels(scores: Callable[[Inputs], Layers]) -> Pruner:
    """A control that depends on the pixels that SNIP chooses at the target compression."""
    return _control(scores, borrows="snip", needs_connectivity=True, iterative=True)


# The fifteen of the paper. Pruners that ship have a version, so that rewriting their code retrains nobody.
PAPER: dict[str, Pruner] = {
    "random-uniform": _random(allocations.uniform, version=2),
    "random-uniform-plus": _random(allocations.uniform_plus, convolutional_only=True, version=2),
    "random-erk": _random(allocations.erk, version=2),
    "random-igq": _random(allocations.igq, version=2),
    "random-snip": _random_with_quotas_of("snip", version=2),
    "random-synflow": _random_with_quotas_of("synflow", iterative=True, version=2),
    "magnitude-global": Pruner(lambda inputs: magnitude(inputs.trained), needs_trained=True, version=2),
    "magnitude-uniform": _magnitude(allocations.uniform, version=2),
    "magnitude-uniform-plus": _magnitude(allocations.uniform_plus, convolutional_only=True, version=2),
    "magnitude-erk": _magnitude(allocations.erk, version=2),
    "magnitude-igq": _magnitude(allocations.igq, version=2),
    "lamp": Pruner(lambda inputs: lamp(inputs.trained), needs_trained=True, version=2),
    "snip": _saliency("snip", needs_data=True, needs_loss=True, version=2),
    "snip-iterative": _saliency(
        "snip_iterative", needs_data=True, needs_loss=True, iterative=True, version=2
    ),
    "synflow": _saliency("synflow", iterative=True, version=2),
}
# Those that came after; in a study only if it names them, or all of them as "since-2021".
SINCE_2021: dict[str, Pruner] = {
    "force": Pruner(
        Lazy("effective_sparsity.pruning.force:force"), needs_data=True, iterative=True, version=2
    ),
    "grasp-iterative": Pruner(
        Lazy("effective_sparsity.pruning.force:grasp_iterative"), needs_data=True, iterative=True, version=1
    ),
    "ntk-sap": Pruner(Lazy("effective_sparsity.pruning.ntk_sap:ntk_sap"), iterative=True, version=1),
    "px": Pruner(Lazy("effective_sparsity.pruning.px:px"), needs_data=True, iterative=True, version=1),
    "phew": Pruner(Lazy("effective_sparsity.pruning.phew:phew"), version=1),
    "prospr": Pruner(Lazy("effective_sparsity.pruning.prospr:prospr"), needs_data=True, version=1),
    "npb": Pruner(Lazy("effective_sparsity.pruning.npb:npb"), iterative=True, version=1),
    "imp": Pruner(
        Lazy("effective_sparsity.pruning.imp:imp"), needs_data=True, trainings=IMP_ROUNDS, version=1
    ),
}
PRUNERS: dict[str, Pruner] = PAPER | {
    "random-smart-ratio": Pruner(_random_with_smart_ratios, convolutional_only=True, version=2),
    "grasp": _saliency("grasp", needs_data=True, version=2),
    "random-igq-snip-pixels": _control_by_active_pixels(controls.random_igq_snip_pixels),
    "random-igq-random-pixels": _control_by_active_pixels(controls.random_igq_random_pixels),
    "random-igq-varying-pixels": _control(controls.random_igq_varying_pixels, needs_data=True),
    "snip-permuted-pixels": _control(controls.snip_permuted_pixels, borrows="snip"),
    "snip-permuted-own-pixels": _control_by_active_pixels(controls.snip_permuted_own_pixels),
    **SINCE_2021,
}


def named(group: str) -> list[str]:
    """The pruners of a group of `GROUPS`, those that were added to `PRUNERS` included in "all"."""
    if group == "all":
        return [name for name in PRUNERS if not PRUNERS[name].control and name not in SINCE_2021]
    return list({"paper": PAPER, "since-2021": SINCE_2021}[group])


# What a study can call several pruners by. Controls, and those that came later, are not in "all".
GROUPS = ("paper", "since-2021", "all")
