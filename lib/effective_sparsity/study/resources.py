"""What a job asks for: memory, run time and GPUs.

All of it is estimated, from the size of the network, the recipe and the number of subnetworks in the job. A
wrong estimate costs little: the next attempt asks for more, and training goes on from its checkpoint.

The rates below are rounded down from measurements on one CPU core (docs/performance.md). Those of a GPU are
assumptions about an A100 and the precision "tf32"; no GPU was at hand to measure them.
"""

import math
from dataclasses import dataclass

from effective_sparsity.networks.registry import Network
from effective_sparsity.pruning.pruners import MINIBATCH, SNIP_BATCHES, SNIP_STEPS, SYNFLOW_STEPS, Pruner
from effective_sparsity.training.recipe import Recipe

# A multiplication comes with an addition, and the backward pass costs twice as much as the forward pass.
OPERATIONS_PER_MULTIPLICATION = 6
BYTES = 4  # of a float32

# Seconds to start a job: imports, CUDA, the data set, the first trace of a network.
START = 300.0
# How much longer than estimated a job may take at its first attempt.
MARGIN = 1.5
# MB: PyTorch and the rest of a process; what CUDA adds to it.
BASE_MEMORY, CUDA_MEMORY = 2000, 3000


@dataclass(frozen=True)
class Device:
    """How fast networks train: operations per second, and seconds for each step beside these."""

    rate: float
    per_step: float

    def seconds(self, network: Network, steps: float, images: float) -> float:
        """Seconds for forward and backward passes of so many images in so many steps."""
        operations = OPERATIONS_PER_MULTIPLICATION * network.complexity.multiplications
        return steps * self.per_step + images * operations / self.rate


CPU_CORE = Device(rate=30e9, per_step=2e-3)
GPU = Device(rate=20e12, per_step=3e-3)  # assumed
# Seconds per step of a subnetwork in the packed engine: for each prunable weight, and for each further place
# in the image where it is used. 0.1 ms for LeNet-300-100, 5 ms for LeNet-5 (which takes 1 to 6).
PACKED, PACKED_POSITION = 4e-10, 8e-9
# Seconds per prunable weight of a step that removes weights, and of a subnetwork that is read off a ranking.
REMOVAL, READING = 3e-8, 3e-8


@dataclass(frozen=True)
class Needs:
    """What a job is estimated to need.

    Attributes:
        seconds: run time beside its start.
        megabytes: memory beside that of any process.
        gpus: graphics processors.
        max_hours: the longest run time that may be asked for.
    """

    seconds: float
    megabytes: float
    gpus: int
    max_hours: float

    def mem_mb(self, attempt: int) -> int:
        """Memory to ask for, in MB: rounded up to 500, and more with each attempt."""
        megabytes = BASE_MEMORY + CUDA_MEMORY * (self.gpus > 0) + self.megabytes
        return 500 * math.ceil(attempt * megabytes / 500)

    def runtime(self, attempt: int) -> int:
        """Run time to ask for, in minutes: more with each attempt, up to the longest."""
        return math.ceil(min(60 * self.max_hours, attempt * (START + MARGIN * self.seconds) / 60))


@dataclass(frozen=True)
class Estimate:
    """Estimates for the jobs of one network in a study.

    Attributes:
        network, recipe: the network, and how it is trained.
        images: number of training and of test images.
        max_hours: the longest run time that may be asked for.
    """

    network: Network
    recipe: Recipe
    images: tuple[int, int]
    max_hours: float

    def training(self, engine: str, n_networks: int, gpus: int) -> Needs:
        """Training `n_networks` in one job, "packed" or one after another; all results stay in memory."""
        recipe, weights = self.recipe, self.network.complexity.weights
        # A test image takes a forward pass only, a third of a training image.
        tested = self.images[1] / 3 * math.ceil(recipe.steps / recipe.evaluate_every)
        steps = recipe.steps + tested / recipe.batch_size
        if engine == "packed":
            further = self.network.complexity.multiplications - weights
            seconds = (PACKED * weights + PACKED_POSITION * further) * steps
        else:
            seconds = self._device(gpus).seconds(self.network, steps, steps * recipe.batch_size)
        # Weights, gradients, momenta and a checkpoint on its way; then weights and masks of each result.
        arrays = 10 * BYTES * weights + (BYTES + 2) * weights * n_networks
        return self._needs(n_networks * seconds, arrays + self._data(gpus), gpus)

    def ranking(self, pruner: Pruner, n_levels: int, gpus: int) -> Needs:
        """Ranking once, or for an iterative pruner once for each level."""
        weights = self.network.complexity.weights
        rankings = n_levels if pruner.iterative else 1
        removals, images = 1, 0
        if pruner.needs_data:
            removals, batches = (SNIP_STEPS, SNIP_STEPS) if pruner.iterative else (1, SNIP_BATCHES)
            images = batches * self.network.snip_batch
        elif pruner.iterative and not pruner.borrows:
            removals = images = SYNFLOW_STEPS
        passes = removals + images / MINIBATCH
        seconds = self._device(gpus).seconds(self.network, passes, images) + removals * REMOVAL * weights
        data = self._data(gpus) if pruner.needs_data else 0
        return self._needs(rankings * seconds, 24 * BYTES * weights + data, gpus)

    def reading(self, n_subnetworks: int) -> Needs:
        """Reading subnetworks off a ranking."""
        weights = self.network.complexity.weights
        return self._needs(READING * weights * n_subnetworks, 24 * BYTES * weights, gpus=0)

    def evaluation(self, n_networks: int, gpus: int) -> Needs:
        """Evaluating trained networks on the test set, one after another."""
        seconds = self._device(gpus).seconds(self.network, 1, self.images[1] / 3)
        return self._needs(
            n_networks * seconds, 4 * BYTES * self.network.complexity.weights + self._data(gpus), gpus
        )

    def _needs(self, seconds: float, arrays: float, gpus: int) -> Needs:
        return Needs(seconds, arrays / 1e6, gpus, self.max_hours)

    def _device(self, gpus: int) -> Device:
        return GPU if gpus else CPU_CORE

    def _data(self, gpus: int) -> float:
        """Bytes of the images, read and copied once, and of what a backward pass on the host reads."""
        images = 2 * sum(self.images) * math.prod(self.network.input_shape)
        activations = 2 * BYTES * self.network.complexity.activations * self.recipe.batch_size
        return images + (0 if gpus else activations)
