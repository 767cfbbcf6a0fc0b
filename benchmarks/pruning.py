"""Time from a pruner's scores to its subnetworks at all levels, against a search for each level.

    python benchmarks/pruning.py

Both find the direct and effective subnetworks of LeNet-300-100 at compressions 10^(0.2 i), i = 5..25, with
the counts of every layer. The search is how effective targets are hit without effective scores: bisection
over the number of kept weights, counting active ones by the gradients of all |weights| in float64. One core;
medians over repetitions.
"""

import statistics
import time

import numpy as np
import torch

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.rank import rank
from effective_sparsity.pruning.ranking import CRITERIA, Ranking
from effective_sparsity.pruning.subnetworks import curve, layer_counts, subnetwork

COMPRESSIONS = [10 ** (0.2 * i) for i in range(5, 26)]
REPETITIONS = 5


def mnist_like() -> Dataset:
    """Noise of MNIST's size: the time does not depend on the pixels."""
    random = np.random.default_rng(0)
    sizes = {"train": 60_000, "test": 1}
    return Dataset(
        name="noise",
        variant="",
        note="",
        classes=10,
        mean=(0.5,),
        std=(0.25,),
        **{f"{s}_images": random.integers(0, 256, (n, 1, 28, 28), np.uint8) for s, n in sizes.items()},
        **{f"{s}_labels": random.integers(0, 10, n) for s, n in sizes.items()},
    )


def all_levels(ranking: Ranking) -> None:
    for compression in COMPRESSIONS:
        for criterion in CRITERIA:
            layer_counts(subnetwork(ranking, criterion, compression))
    curve(ranking)


def search(ranking: Ranking, inputs: Inputs) -> None:
    model = inputs.model().double().eval()
    image = torch.ones(1, *inputs.network.input_shape, dtype=torch.float64)
    weights = kernels(model)

    def n_active(n_kept: int) -> int:
        with torch.no_grad():
            for name, kept in ranking.kept(ranking.n_weights - n_kept + 1).items():
                weights[name].copy_(torch.from_numpy(kept))
        model.zero_grad()
        model(image).sum().backward()
        return sum(int((weight * weight.grad).count_nonzero()) for weight in weights.values())

    for compression in COMPRESSIONS:
        target = round(ranking.n_weights / compression)
        least, most = target, ranking.n_weights
        while least < most:
            middle = (least + most) // 2
            least, most = (least, middle) if n_active(middle) >= target else (middle + 1, most)


def seconds(function, *arguments) -> float:
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    torch.set_num_threads(1)
    network = NETWORKS["lenet-300-100"]
    state, prunable = initial_state(network, seed=0)
    inputs = Inputs(
        network, state, tuple(prunable), 0, mnist_like(), trained={name: state[name] for name in prunable}
    )
    start = time.perf_counter()
    connectivity = Connectivity(inputs.model(), network.input_shape)
    print(f"reading the network's graph, once: {time.perf_counter() - start:.2f} s\n")
    print(f"{'pruner':20} {'ranking':>9} {'21 levels':>10} {'search':>9} {'ratio':>7}")
    for name in ("random-igq", "magnitude-erk", "lamp", "snip"):
        pruner = PRUNERS[name]
        ranking = rank(pruner, inputs, connectivity)
        ranked = seconds(rank, pruner, inputs, connectivity)
        levels = seconds(all_levels, ranking)
        start = time.perf_counter()
        search(ranking, inputs)
        searched = time.perf_counter() - start
        print(f"{name:20} {ranked:8.3f}s {levels:9.3f}s {searched:8.2f}s {searched / levels:6.0f}x")


if __name__ == "__main__":
    main()
