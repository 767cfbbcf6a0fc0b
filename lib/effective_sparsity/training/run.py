"""The description of a training run (no torch: the packed engine reads this)."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.networks.types import Masks, State
from effective_sparsity.training.checkpoint import fingerprint
from effective_sparsity.training.execution import Execution


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that is decided about a training run beside its networks.

    Attributes:
        dataset: Training and test set.
        recipe: How to train.
        seed: Seed of the data order and of the augmentation.
        execution: Where and how to compute.
        work: File for the training state. A run that was killed resumes from it, on a CPU to the identical
            result. It holds the final state at the end: delete it once the results are stored. None for no
            file. Only one run at a time may use it.
    """

    dataset: Dataset
    recipe: Recipe
    seed: int
    execution: Execution = field(default_factory=Execution)
    work: Path | None = None

    def in_folder(self, name: str) -> "Run":
        """The same run, with its training state in a file of the folder `work`."""
        return replace(self, work=self.work / f"{name}.safetensors") if self.work else self

    def identity(self, engine: str, initial: State, masks: Masks | list[Masks]) -> str:
        """A text that identifies the run of these networks by all that decides its result."""
        data = self.dataset
        return fingerprint(
            engine=engine,
            initial=initial,
            masks=masks,
            images=[data.train_images, data.train_labels, data.test_images, data.test_labels],
            normalisation=[data.mean, data.std],
            recipe=self.recipe,
            seed=self.seed,
            precision=self.execution.precision,
        )


def normalisation(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift by channel, float32: the input of a network is image * scale - shift."""
    std = np.array(dataset.std)
    return (1 / (255 * std)).astype(np.float32), (np.array(dataset.mean) / std).astype(np.float32)
