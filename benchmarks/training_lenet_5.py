"""Time per network and training step of LeNet-5 on one core: packed against masked training.

    python benchmarks/training_lenet_5.py

Trains effectively pruned random IGQ subnetworks at all compressions 10^(0.2 i) from 10 on that they reach, at
the paper's batch size 128. Pictures are random, of CIFAR-10's size: time does not depend on them. Figures are
differences in processor time between a long and a short run by the number of steps between them, so that what
is paid once does not count; augmentation, data order and normalisation do. Ways are timed in turn, round by
round.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from noise import noise
from training import subnetworks

from effective_sparsity.datasets import Dataset
from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import state_of, with_state
from effective_sparsity.networks.types import Masks
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.masked import train_masked
from effective_sparsity.training.packed.engine import train_packed
from effective_sparsity.training.run import Run

COMPRESSIONS = [10 ** (0.2 * i) for i in range(5, 18)]
MASKED = [0, 5, 10]  # numbers of compressions: masked training costs the same at all of them
ROUNDS = 7
SHORT, LONG = 5, 45
NETWORK = NETWORKS["lenet-5"]


def packed(initial, masks: list[Masks], data: Dataset) -> Callable[[int], None]:
    return lambda steps: train_packed(NETWORK.layers, initial, masks, short_run(data, steps))


def masked(initial, masks: Masks, data: Dataset) -> Callable[[int], None]:
    return lambda steps: train_masked(with_state(NETWORK.build(), initial), masks, short_run(data, steps))


def short_run(data: Dataset, steps: int) -> Run:
    recipe = replace(NETWORK.recipe, steps=steps, milestones=(), evaluate_every=10**9)
    return Run(dataset=data, recipe=recipe, seed=0, execution=Execution(device="cpu"))


def ms_per_step(run: Callable[[int], None]) -> float:
    def seconds(steps: int) -> float:
        start = time.process_time()
        run(steps)
        return time.process_time() - start

    return 1000 * (seconds(LONG) - seconds(SHORT)) / (LONG - SHORT)


def main() -> None:
    torch.set_num_threads(1)
    model = NETWORK.build()
    initialise(model, seed=0)
    data, initial = noise(NETWORK, 6_400, 128), state_of(model)
    masks = subnetworks(model, NETWORK.input_shape, COMPRESSIONS)
    ways = {"together": packed(initial, masks, data)}
    ways |= {f"masked {i}": masked(initial, masks[i], data) for i in MASKED}
    ways |= {f"alone {i}": packed(initial, [network], data) for i, network in enumerate(masks)}
    for run in ways.values():
        run(1)
    times = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            times[name].append(ms_per_step(run))

    together = [ms / len(masks) for ms in times["together"]]
    of_masked = [statistics.mean(ms) for ms in zip(*(times[f"masked {i}"] for i in MASKED), strict=True)]
    ratio = statistics.median(m / p for m, p in zip(of_masked, together, strict=True))
    print(f"ms per network and step, {len(masks)} subnetworks, median of {ROUNDS} rounds (best)")
    print(f"  masked engine           {statistics.median(of_masked):7.2f} ({min(of_masked):.2f})")
    print(f"  packed engine, together {statistics.median(together):7.2f} ({min(together):.2f}) {ratio:.1f}x")
    print("packed engine, one network alone, with the preparation of its batches:")
    print("  compression  active weights, of the convolutions  channels")
    for i, (compression, network) in enumerate(zip(COMPRESSIONS, masks, strict=True)):
        active = [int(mask.sum()) for mask in network.values()]
        channels = [int(mask.any((1, 2, 3)).sum()) for mask in network.values() if mask.ndim == 4]
        ms = times[f"alone {i}"]
        ratio = statistics.median(m / p for m, p in zip(of_masked, ms, strict=True))
        print(
            f"  {compression:11,.0f} {sum(active):8,} {active[0]:5} {active[1]:5} {channels!s:>8} "
            f"{statistics.median(ms):7.2f} ({min(ms):.2f}) {ratio:5.1f}x"
        )


if __name__ == "__main__":
    main()
