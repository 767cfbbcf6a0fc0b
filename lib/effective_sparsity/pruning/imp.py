"""Iterative magnitude pruning with rewinding, which trains the network in each of its rounds."""

from dataclasses import dataclass, replace

import numpy as np

from effective_sparsity.connectivity.vectors import flatten, unflatten
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import Network
from effective_sparsity.networks.types import Masks, State
from effective_sparsity.pruning.iterative import removal_order
from effective_sparsity.pruning.orders import Layers
from effective_sparsity.pruning.pruners import IMP_COMPRESSION, IMP_ROUNDS, Inputs
from effective_sparsity.training.engines import train
from effective_sparsity.training.run import Run


def imp(inputs: Inputs) -> Layers:
    """Train, remove the smallest weights, rewind the others, and again (Frankle & Carbin 2019, section 1).

    Each of 40 rounds removes 20.6 % of the weights that are left, so that ten rounds divide them by ten: the
    method's 20 %, changed so that 10, 31.6, 100, ... lie on the schedule. The smallest trained magnitudes are
    removed, of all layers together (Frankle et al. 2020). After the last round, at a compression of 10,000,
    its magnitudes decide. Masks nest, so that one ranking serves all levels.

    Weights are rewound to initialisation, where the training of all subnetworks starts. Late rewinding, to
    the weights after some steps of dense training (Frankle et al. 2020), would be another start.
    """
    kept = np.ones(inputs.n_weights, bool)

    def magnitudes(removed: np.ndarray) -> np.ndarray:
        kept[removed] = False
        return np.abs(flatten(inputs.train(unflatten(kept.copy(), inputs.weights))))

    order = removal_order(inputs.n_weights, IMP_COMPRESSION, IMP_ROUNDS, magnitudes)
    return unflatten(order, inputs.weights)


@dataclass(frozen=True)
class Training:
    """Trains subnetworks of one network, as `Inputs.train`.

    Each keeps its training state in a folder of its own: after a kill, those that were done are read.

    Attributes:
        engine: one of `training.engines.ENGINES`.
        network, initial: what is trained, and from where.
        prunable: the weights that are wanted.
        run: data, recipe, seed, and in `work` the folder of all trainings.
    """

    engine: str
    network: Network
    initial: State
    prunable: tuple[str, ...]
    run: Run

    def __call__(self, masks: Masks) -> Layers:
        """The prunable weights after training under `masks`.

        Raises:
            UserError: training diverged.
        """
        n_left = sum(int(mask.sum()) for mask in masks.values())
        run = replace(self.run, work=self.run.work / f"{n_left}-weights") if self.run.work else self.run
        trained = train(self.engine, self.network, self.initial, {n_left: masks}, run)[n_left]
        if trained.status != "ok":
            raise UserError(
                f"training diverged after {trained.steps} steps with {n_left} weights left; leave this "
                f"pruner out, or change steps_per_round"
            )
        return {name: trained.state[name] for name in self.prunable}
