"""The packed engine as the loop drives it."""

import numpy as np

from effective_sparsity.networks.layers import Layer
from effective_sparsity.networks.registry import BATCH_NORM_EPSILON, Network
from effective_sparsity.networks.types import Masks, State
from effective_sparsity.training import loop
from effective_sparsity.training.augmentation import augment
from effective_sparsity.training.hardware import processor_with
from effective_sparsity.training.packed.arrays import Arrays, Sgd
from effective_sparsity.training.packed.ensemble import Ensemble
from effective_sparsity.training.packed.kernels import evaluate_batch, fill_inputs, train_step
from effective_sparsity.training.packed.lanes import Row
from effective_sparsity.training.packed.memory import Memory
from effective_sparsity.training.result import Trained
from effective_sparsity.training.run import Run, normalisation


def train(network: Network, initial: State, masks: list[Masks], run: Run) -> list[Trained]:
    """Train subnetworks of a plain network together; see `train_packed`.

    Args:
        run: Its `work` is a folder.
    """
    return train_packed(network.layers, initial, masks, run.in_folder("packed"))


def train_packed(
    layers: tuple[Layer, ...], initial: State, subnetworks: list[Masks], run: Run
) -> list[Trained]:
    """Train subnetworks of a plain network from the same initial weights on the same batches.

    Args:
        layers: The network's layers.
        initial: State dict of the dense network, float32.
        subnetworks: Masks of each, at least one. Active weights are enough: the others have no effect (batch
            norm subtracts the constants that they bring).
        run: Data, recipe and seed; its `work` is a file.

    Returns:
        One result for each subnetwork, in order. A network whose loss is not finite stops there with status
        "diverged"; the others continue.

    Raises:
        UserError: The network or a mask does not fit the layers, or these do not fit the data; the training
            set is smaller than a batch, or another run is using the file `run.work`.
    """
    identity = run.identity(f"packed {layers}", initial, subnetworks)
    return loop.train(PackedEngine(layers, initial, subnetworks, run), run, identity)


class PackedEngine:
    """An ensemble of sparse networks on one core; see `loop.Engine`."""

    hardware = processor_with(1)
    check_every = 1

    def __init__(self, layers: tuple[Layer, ...], initial: State, subnetworks: list[Masks], run: Run):
        self.dataset, self.recipe, self.networks = run.dataset, run.recipe, len(subnetworks)
        self.ensemble = Ensemble(
            initial,
            subnetworks,
            layers,
            self.dataset.train_images.shape[1:],
            self.dataset.classes,
            BATCH_NORM_EPSILON,
        )
        self.batch = Row(self.recipe.batch_size)
        self.memory = Memory(self.ensemble, self.batch)
        arrays = Arrays(
            self.ensemble.structure,
            self.ensemble.parameters,
            self.ensemble.momenta,
            self.ensemble.statistics,
            self.memory.scratch,
        )
        self._networks = self.batch, self.memory.image_rows, self.memory.convolutions, arrays
        self.normalisation = normalisation(self.dataset)
        self.alive = np.ones(self.networks, bool)
        self.loss_sums = np.zeros(self.networks)

    def step(self, indices: np.ndarray, drawn: np.ndarray, rate: float) -> None:
        """One step of SGD of each network that is alive and has a finite loss."""
        self._fill(augment(self.recipe.augmentation, self.dataset.train_images, indices, drawn))
        sgd = Sgd(*map(np.float32, (rate, self.recipe.momentum, self.recipe.weight_decay)))
        labels = self.dataset.train_labels[indices]
        train_step(*self._networks, sgd, labels, self.alive, self.loss_sums)

    def losses(self) -> np.ndarray:
        """The losses by network since they were last read."""
        losses, self.loss_sums = self.loss_sums, np.zeros(self.networks)
        return losses

    def evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss and accuracy by network on the test set."""
        loss_sums, correct = np.zeros(self.networks), np.zeros(self.networks, np.int64)
        samples = len(self.dataset.test_labels)
        for start in range(0, samples, self.batch.size):
            # The last batch is filled up with the first samples, which do not count.
            indices = np.arange(start, start + self.batch.size) % samples
            self._fill(self.dataset.test_images[indices].astype(np.float32))
            labels, count = self.dataset.test_labels[indices], min(self.batch.size, samples - start)
            evaluate_batch(*self._networks, labels, count, loss_sums, correct)
        return loss_sums / samples, correct / samples

    def drop(self, network: int) -> None:
        """Leave a network as it is from now on."""
        self.alive[network] = False

    def state(self) -> dict[str, np.ndarray]:
        """The arrays that training changes in place."""
        ensemble = self.ensemble
        arrays = {f"parameters/{name}": array for name, array in ensemble.parameters._asdict().items()}
        arrays |= {f"momenta/{name}": array for name, array in ensemble.momenta._asdict().items()}
        return arrays | {"mean": ensemble.statistics.mean, "variance": ensemble.statistics.variance}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Fill these arrays."""
        for name, array in self.state().items():
            array[:] = state[name]

    def result(self, network: int, steps: int) -> State:
        """The state dict of a subnetwork."""
        return self.ensemble.state(network, steps)

    def _fill(self, images: np.ndarray) -> None:
        """Make a batch the input of the networks."""
        fill_inputs(*self.memory.inputs, images.reshape(*images.shape[:2], -1), *self.normalisation)
