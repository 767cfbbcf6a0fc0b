"""The packed engine: trains many subnetworks at once on one core, without PyTorch.

The networks see the same batches, so together they are one block-sparse network: its cost grows with the
number of weights and units that the subnetworks have, not with their number times the size of the dense one.
"""

import os

import numpy as np

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.errors import UserError
from effective_sparsity.training.augmentation import augment, draw
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.checkpoint import Checkpoint, fingerprint, run_fingerprint
from effective_sparsity.training.compilation import compile_alone
from effective_sparsity.training.lanes import Row
from effective_sparsity.training.layers import Layer, State, linear_layers
from effective_sparsity.training.packed_arrays import Sgd
from effective_sparsity.training.packed_ensemble import Ensemble, Masks
from effective_sparsity.training.packed_kernels import evaluate_batch, fill_inputs, train_step
from effective_sparsity.training.packed_memory import Memory
from effective_sparsity.training.progress import Progress
from effective_sparsity.training.recipe import Recipe
from effective_sparsity.training.result import Trained, history_table


def train_packed(
    initial: State,
    subnetworks: list[Masks],
    dataset: Dataset,
    recipe: Recipe,
    seed: int,
    work: str | os.PathLike | None = None,
    layers: tuple[Layer, ...] | None = None,
) -> list[Trained]:
    """Train subnetworks of a network from the same initial weights on the same batches.

    Args:
        initial: State dict of the dense network, float32.
        subnetworks: For each subnetwork the boolean mask of each kernel by its name ("fc1.weight"), True =
            trained. Active weights are enough: the others have no effect (batch norm takes away the constants
            that they bring). Identical subnetworks are trained once and share their result.
        dataset: Training and test set.
        recipe: How to train.
        seed: Seed of the data order and of the augmentation.
        work: File for the training state. A run that was killed goes on from it to the identical result. It
            holds the final state at the end: delete it once the results are stored.
        layers: The network's layers, convolutions before linear ones, each with batch norm after it, relu
            between. None: linear layers "fc1", "fc2", ..., with batch norm "bn1", "bn2", ...

    Returns:
        One result for each subnetwork, in order. A network whose loss is not finite stops there with status
        "diverged"; the others go on.

    Raises:
        UserError: If the network is not such a network or does not fit the data, a mask does not fit the
            network, the training set is smaller than a batch, or another run is using the file `work`.
    """
    keys = [fingerprint(masks=masks) for masks in subnetworks]
    distinct = dict(zip(keys, subnetworks, strict=True))
    if not subnetworks:
        return []
    networks = list(distinct.values())
    layers = linear_layers(initial) if layers is None else layers
    run = run_fingerprint(f"packed {layers}", initial, networks, dataset, recipe, seed)
    with Checkpoint(work, run) as checkpoint:
        results = _Training(initial, networks, layers, dataset, recipe, seed).run(checkpoint)
    by_key = dict(zip(distinct, results, strict=True))
    return [by_key[key] for key in keys]


class _Training:
    """One training run: what is fixed, and the state that a checkpoint must hold."""

    def __init__(self, initial, subnetworks, layers, dataset, recipe, seed):
        self.dataset, self.recipe = dataset, recipe
        self.ensemble = Ensemble(initial, subnetworks, layers, dataset.train_images.shape[1:])
        classes = self.ensemble.structure.classes
        if dataset.classes != classes:
            raise UserError(
                f"data set {dataset.name!r}: {dataset.classes} classes do not fit the network's {classes}"
            )
        self.batches = Batches(len(dataset.train_labels), recipe.batch_size, seed)
        self.batch = Row(recipe.batch_size)
        self.memory = Memory(self.ensemble, self.batch)
        std = np.array(dataset.std)
        scale, shift = 1 / (255 * std), np.array(dataset.mean) / std
        self.normalisation = scale.astype(np.float32), shift.astype(np.float32)
        networks = len(subnetworks)
        self.step = 0
        self.steps = np.zeros(networks, np.int64)  # updates done by each network
        self.alive = np.ones(networks, bool)
        self.loss_sums, self.steps_in_sum = np.zeros(networks), 0  # since the last evaluation
        self.history = np.empty((networks, 0, 4))  # rows of a network that died go on as NaN

    def run(self, checkpoint: Checkpoint) -> list[Trained]:
        if (arrays := checkpoint.load()) is not None:
            self._restore(arrays)
        self._compile()
        progress = Progress(self.step, self.recipe.steps)
        while self.step < self.recipe.steps and self.alive.any():
            self._update()
            progress.advance()
            if self.recipe.evaluates_after(self.step):
                self._record()
                progress.report(self.step, self.history[self.alive, -1, -1].max(initial=0))
            if checkpoint.due:
                checkpoint.save(self._state())
        progress.close()
        checkpoint.save(self._state())
        return [self._result(network) for network in range(len(self.alive))]

    def _update(self) -> None:
        kind, indices = self.recipe.augmentation, self.batches.indices(self.step)
        drawn = draw(kind, self.batches.random(self.step), len(indices))
        images = augment(kind, self.dataset.train_images, indices, drawn)
        fill_inputs(*self._fill_arguments(images))
        losses = np.empty(len(self.alive))
        train_step(*self._step_arguments(self.dataset.train_labels[indices], losses))
        self.loss_sums += losses
        self.steps_in_sum += 1
        self.steps += self.alive
        self.step += 1

    def _record(self) -> None:
        loss, accuracy = self._evaluate()
        train_loss = self.loss_sums / self.steps_in_sum
        rows = np.stack([np.full_like(loss, self.step), train_loss, loss, accuracy], axis=-1)
        rows[~self.alive] = np.nan
        self.history = np.concatenate([self.history, rows[:, None]], axis=1)
        self.loss_sums[:] = self.steps_in_sum = 0

    def _evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss and accuracy of each network on the test set."""
        loss_sums, correct = np.zeros(len(self.alive)), np.zeros(len(self.alive), np.int64)
        samples = len(self.dataset.test_labels)
        for start in range(0, samples, self.batch.size):
            # The last batch is filled up with the first samples, which do not count.
            indices = np.arange(start, start + self.batch.size)
            images = self.dataset.test_images[indices % samples].astype(np.float32)
            fill_inputs(*self._fill_arguments(images))
            labels, count = self.dataset.test_labels[indices % samples], min(self.batch.size, samples - start)
            evaluate_batch(*self._evaluation_arguments(labels, count, loss_sums, correct))
        return loss_sums / samples, correct / samples

    def _fill_arguments(self, images):
        return *self.memory.inputs, images.reshape(*images.shape[:2], -1), *self.normalisation

    def _step_arguments(self, labels, losses):
        ensemble, recipe = self.ensemble, self.recipe
        sgd = Sgd(*map(np.float32, (recipe.rate(self.step), recipe.momentum, recipe.weight_decay)))
        model = ensemble.structure, ensemble.parameters, ensemble.momenta, ensemble.statistics
        layers = self.batch, self.memory.image_rows, self.memory.convolutions
        return *layers, *model, sgd, self.memory.scratch, labels, self.alive, losses

    def _evaluation_arguments(self, labels, count, loss_sums, correct):
        model = self.ensemble.structure, self.ensemble.parameters, self.ensemble.statistics
        layers = self.batch, self.memory.image_rows, self.memory.convolutions
        return *layers, *model, self.memory.scratch, labels, count, loss_sums, correct

    def _compile(self) -> None:
        labels, numbers = np.empty(0, np.int64), np.empty(0)
        compile_alone(fill_inputs, *self._fill_arguments(self.dataset.train_images[:1].astype(np.float32)))
        compile_alone(train_step, *self._step_arguments(labels, numbers))
        compile_alone(evaluate_batch, *self._evaluation_arguments(labels, 0, numbers, labels))

    def _arrays(self) -> dict[str, np.ndarray]:
        """The arrays that training changes in place."""
        named = {"steps": self.steps, "alive": self.alive, "loss_sums": self.loss_sums}
        for part in ("parameters", "momenta", "statistics"):
            arrays = getattr(self.ensemble, part)._asdict()
            named |= {f"{part}/{name}": array for name, array in arrays.items()}
        return named

    def _state(self) -> dict[str, np.ndarray]:
        return self._arrays() | {"history": self.history, "step": np.array([self.step, self.steps_in_sum])}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        for name, array in self._arrays().items():
            array[:] = arrays[name]
        self.history = arrays["history"]
        self.step, self.steps_in_sum = arrays["step"].tolist()

    def _result(self, network: int) -> Trained:
        steps = int(self.steps[network])
        rows = self.history[network]
        return Trained(
            state=self.ensemble.state(network, steps),
            history=history_table(rows[~np.isnan(rows[:, 0])]),
            status="ok" if self.alive[network] else "diverged",
            steps=steps,
        )
