"""Time from a pruner's scores to its subnetworks at all levels, against a search for each level.

    python benchmarks/pruning.py

Both find the direct and effective subnetworks of LeNet-300-100 at compressions 10^(0.2 i), i = 5..25, with
the counts of every layer. The search is how effective targets are hit without effective scores: bisection
over the number of kept weights, counting active ones by the gradients of all |weights| in float64. One core;
medians over repetitions.
"""

import statistics
import time

import torch
from connectivity import reachability
from noise import noise

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.rank import rank
from effective_sparsity.pruning.ranking import Ranking
from effective_sparsity.pruning.subnetworks import curve, layer_counts, subnetwork

COMPRESSIONS = [10 ** (0.2 * i) for i in range(5, 26)]
REPETITIONS = 5


def all_levels(ranking: Ranking) -> None:
    for compression in COMPRESSIONS:
        for criterion in ("direct", "effective"):
            layer_counts(subnetwork(ranking, criterion, compression))
    curve(ranking)


def search(ranking: Ranking, inputs: Inputs) -> None:
    priorities = {name: torch.from_numpy(priority) for name, priority in ranking.priority.items()}
    n_active = reachability(inputs.model(), inputs.network.input_shape, priorities)
    for compression in COMPRESSIONS:
        target = round(ranking.n_weights / compression)
        least, most = target, ranking.n_weights
        while least < most:
            middle = (least + most) // 2
            enough = n_active(ranking.n_weights - middle + 1) >= target
            least, most = (least, middle) if enough else (middle + 1, most)


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
    trained = {name: state[name] for name in prunable}
    inputs = Inputs(network, state, tuple(prunable), 0, noise(network, 60_000, 1), trained)
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
