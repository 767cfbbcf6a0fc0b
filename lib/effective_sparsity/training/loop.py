"""The training loop, the same for every engine."""

import logging
from typing import Protocol

import numpy as np

from effective_sparsity.networks.types import State
from effective_sparsity.training.augmentation import draw
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.checkpoint import Checkpoint
from effective_sparsity.training.progress import Progress
from effective_sparsity.training.result import Trained, by_column
from effective_sparsity.training.run import Run

_log = logging.getLogger(__name__)


class Engine(Protocol):
    """Networks that are trained side by side on the same batches, and the arithmetic of it.

    Arrays that are "by network" have shape (networks,). Dropped networks keep their places.
    """

    @property
    def networks(self) -> int:
        """How many there are."""

    @property
    def hardware(self) -> str:
        """What they are trained on, for the records."""

    @property
    def check_every(self) -> int:
        """Steps between two calls of `losses`: more than 1 where reading them waits for a device."""

    def step(self, indices: np.ndarray, drawn: np.ndarray, rate: float) -> None:
        """One step of SGD of each network that was not dropped.

        A network whose loss is not finite is not updated, if that can be seen without waiting.

        Args:
            indices: Training samples of the batch, int64.
            drawn: Their augmentation; see `augmentation.draw`.
            rate: Learning rate.
        """

    def losses(self) -> np.ndarray:
        """The training losses by network, float64, summed over the steps since they were last read."""

    def evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean cross-entropy and accuracy (0 to 1) by network on the test set, by running statistics."""

    def drop(self, network: int) -> None:
        """Leave a network as it is from now on."""

    def state(self) -> dict[str, np.ndarray]:
        """All that steps change, by name, for `restore`. What was dropped need not be told."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state` gave."""

    def result(self, network: int, steps: int) -> State:
        """The state dict of a network that was trained for so many steps, its pruned weights 0."""


def train(engine: Engine, run: Run, identity: str) -> list[Trained]:
    """Train the networks of an engine to the end, from where an earlier run with this identity was killed.

    Returns:
        One result for each network, in order. A network whose loss is not finite stops there with status
        "diverged", the others continue.

    Raises:
        UserError: the training set is smaller than a batch, or another run is using the file `run.work`.
    """
    loop = _Loop(engine, run)
    with Checkpoint(run.work, identity) as checkpoint:
        loop.run(checkpoint)
    return [loop.result(network) for network in range(engine.networks)]


class _Loop:
    """What has been done of a run."""

    def __init__(self, engine: Engine, run: Run):
        self.engine, self.recipe = engine, run.recipe
        self.batches = Batches(len(run.dataset.train_labels), run.recipe.batch_size, run.seed)
        self.step = 0
        self.alive = np.ones(engine.networks, bool)
        self.stopped = np.full(engine.networks, run.recipe.steps)  # after how many steps each network stops
        self.loss_sums, self.steps_in_sum = np.zeros(engine.networks), 0  # since the last evaluation
        self.history = np.empty((engine.networks, 0, 4))  # NaN in rows after a network was dropped

    def run(self, checkpoint: Checkpoint) -> None:
        """All steps that are left."""
        if (arrays := checkpoint.load()) is not None:
            self._restore(arrays)
        with Progress(self.step, self.recipe.steps) as progress:
            while self.step < self.recipe.steps and self.alive.any():
                self._advance()
                progress.advance()
                if self.recipe.evaluates_after(self.step):
                    self._record()
                    progress.report(self.step, self.history[self.alive, -1, -1].max(initial=0))
                if checkpoint.due:
                    checkpoint.save(self._state())
        checkpoint.save(self._state())

    def _advance(self) -> None:
        indices = self.batches.indices(self.step)
        drawn = draw(self.recipe.augmentation, self.batches.random(self.step), len(indices))
        self.engine.step(indices, drawn, self.recipe.rate(self.step))
        self.steps_in_sum += 1
        if self.step % self.engine.check_every == 0:
            self._read_losses()
        self.step += 1

    def _read_losses(self) -> None:
        """Add up the losses, and drop the networks for which they are not finite."""
        self.loss_sums += self.engine.losses()
        for network in np.flatnonzero(self.alive & ~np.isfinite(self.loss_sums)):
            _log.warning("network %d of this run diverged after %d steps", network + 1, self.step)
            self.alive[network], self.stopped[network] = False, self.step
            self.engine.drop(int(network))

    def _record(self) -> None:
        """A row of the history."""
        self._read_losses()
        losses, accuracies = self.engine.evaluate()
        train_losses = self.loss_sums / self.steps_in_sum
        rows = np.stack([np.full_like(losses, self.step), train_losses, losses, accuracies], axis=-1)
        rows[~self.alive] = np.nan
        self.history = np.concatenate([self.history, rows[:, None]], axis=1)
        self.loss_sums[:] = self.steps_in_sum = 0

    def _state(self) -> dict[str, np.ndarray]:
        self._read_losses()
        return {f"engine/{name}": array for name, array in self.engine.state().items()} | {
            "step": np.array([self.step, self.steps_in_sum]),
            "alive": self.alive,
            "stopped": self.stopped,
            "loss_sums": self.loss_sums,
            "history": self.history,
        }

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        start = "engine/"
        self.engine.restore(
            {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        )
        self.step, self.steps_in_sum = arrays["step"].tolist()
        self.alive, self.stopped = arrays["alive"], arrays["stopped"]
        self.loss_sums, self.history = arrays["loss_sums"], arrays["history"]
        for network in np.flatnonzero(~self.alive):
            self.engine.drop(int(network))

    def result(self, network: int) -> Trained:
        """A network as training left it."""
        steps, rows = int(self.stopped[network]), self.history[network]
        return Trained(
            state=self.engine.result(network, steps),
            evaluations=by_column(rows[~np.isnan(rows[:, 0])]),
            status="ok" if self.alive[network] else "diverged",
            steps=steps,
            hardware=self.engine.hardware,
        )
