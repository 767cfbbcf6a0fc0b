"""What a job asks for: memory, run time and GPUs, from a table of what each network takes.

A wrong entry costs little: the next attempt asks for more, and training resumes from its checkpoint.
docs/cluster.md says where the entries come from.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.networks.registry import Network
from effective_sparsity.pruning.pruners import SNIP_BATCHES, SNIP_STEPS, SYNFLOW_STEPS, Pruner

# Seconds to start a job: imports, CUDA, the data set, the first trace of a network.
START = 300.0
# Run time that a first attempt asks for, relative to the table's.
MARGIN = 1.5
# Of all registered data sets.
TEST_IMAGES = 10_000
# Seconds per million prunable weights of a step that removes weights, and of a subnetwork read off a ranking.
READING = 0.05
# MB per million prunable weights of a trained network that waits to be stored, and of making a ranking.
RESULT, RANKING = 6, 100
# MB on the host, of a process with PyTorch and of CUDA.
BASE_MB, CUDA_MB = 1000, 4000


class Costs(NamedTuple):
    """What one network takes, by the paper's batch size.

    Attributes:
        weights: prunable ones, in millions.
        cpu: seconds of a training step on one core, in PyTorch.
        gpu: the same on a graphics processor: for the large networks 1.5 to 1.7 times what an H200 takes
            in float32.
        mb: memory of a training job on a CPU, all of it.
        data_mb: memory of a training job on a GPU on its host, beside PyTorch and CUDA.
        active: seconds of a training step of a subnetwork, if its active weights alone are trained.
    """

    weights: float
    cpu: float
    gpu: float
    mb: int
    data_mb: int
    active: float = math.inf


COSTS = {
    "lenet-300-100": Costs(0.27, cpu=4e-3, gpu=3e-3, mb=1000, data_mb=100, active=1e-4),
    "lenet-5": Costs(0.06, cpu=24e-3, gpu=3e-3, mb=1500, data_mb=400, active=5e-3),
    "vgg-16": Costs(14.7, cpu=4.0, gpu=15e-3, mb=2500, data_mb=1000),
    "vgg-19": Costs(20.1, cpu=5.0, gpu=18e-3, mb=3000, data_mb=1200),
    "resnet-18": Costs(11.3, cpu=45.0, gpu=0.17, mb=6000, data_mb=3100),
}
# For a network without an entry.
DEAREST = COSTS["resnet-18"]


@dataclass(frozen=True)
class Needs:
    """What a job is estimated to need.

    Attributes:
        seconds: run time beside its start.
        megabytes: memory.
        gpus: graphics processors.
        max_hours: the longest run time that may be asked for.
    """

    seconds: float
    megabytes: float
    gpus: int
    max_hours: float

    def mem_mb(self, attempt: int) -> int:
        """Memory to ask for, in MB: rounded up to 500, and more with each attempt."""
        return 500 * math.ceil(attempt * self.megabytes / 500)

    def runtime(self, attempt: int) -> int:
        """Run time to ask for, in minutes: more with each attempt, up to the longest."""
        return math.ceil(min(60 * self.max_hours, attempt * (START + MARGIN * self.seconds) / 60))


@dataclass(frozen=True)
class Estimate:
    """Estimates the needs of the jobs of one network in a study.

    Attributes:
        architecture: name of the network.
        recipe: how it is trained.
        gpus: graphics processors that the job gets.
        max_hours: the longest run time that may be asked for.
    """

    architecture: str
    recipe: Recipe
    gpus: int
    max_hours: float

    @property
    def costs(self) -> Costs:
        """The network's entry in the table."""
        return COSTS.get(self.architecture, DEAREST)

    def training(self, n_networks: int, only_active: bool = False) -> Needs:
        """Training so many networks in one job; the results of all stay in memory.

        Args:
            only_active: whether the engine trains active weights alone.
        """
        recipe = self.recipe
        steps = recipe.steps + math.ceil(recipe.steps / recipe.evaluate_every) * self._test_pass
        seconds = self.costs.active if only_active else self._step
        results = RESULT * self.costs.weights * n_networks
        return self._needs(n_networks * steps * seconds, self._training_mb + results)

    def evaluation(self, n_networks: int) -> Needs:
        """Evaluating so many networks on the test set, one after another."""
        return self._needs(n_networks * self._test_pass * self._step, self._training_mb)

    def ranking(self, pruner: Pruner, network: Network, n_levels: int) -> Needs:
        """Ranking once, or for an iterative pruner once for each level.

        The recipe is that of the trainings inside a pruner.
        """
        if pruner.trainings:
            return self.training(pruner.trainings)
        removals, images = 1, 0
        if pruner.needs_data:
            batches = SNIP_STEPS if pruner.iterative else SNIP_BATCHES
            removals, images = SNIP_STEPS if pruner.iterative else 1, batches * network.snip_batch
        elif pruner.iterative and not pruner.borrows:
            removals = images = SYNFLOW_STEPS
        passes = images / self.recipe.batch_size * self._step + removals * READING * self.costs.weights
        seconds = (n_levels if pruner.iterative else 1) * passes
        memory = self._training_mb if pruner.needs_data else BASE_MB
        return self._needs(seconds, memory + RANKING * self.costs.weights)

    def reading(self, n_subnetworks: int) -> Needs:
        """Reading so many subnetworks off a ranking."""
        weights = self.costs.weights
        return self._needs(n_subnetworks * READING * weights, BASE_MB + RANKING * weights)

    def _needs(self, seconds: float, megabytes: float) -> Needs:
        return Needs(seconds, megabytes, self.gpus, self.max_hours)

    @property
    def _step(self) -> float:
        return self.costs.gpu if self.gpus else self.costs.cpu

    @property
    def _training_mb(self) -> int:
        return BASE_MB + CUDA_MB + self.costs.data_mb if self.gpus else self.costs.mb

    @property
    def _test_pass(self) -> float:
        """A pass of the test set, in training steps: a test image takes a third of a training image."""
        return TEST_IMAGES / self.recipe.batch_size / 3
