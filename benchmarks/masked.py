"""The masked engine on a CPU: LeNet-5 against plain PyTorch, large networks against the matrix product.

    python benchmarks/masked.py [threads]

CPU seconds for one thread (the default), wall time for more. Images are random: what they show does not
change the time. Figures of the engine are the difference between a long and a short run by the number of
steps between them, with augmentation, data order and normalisation; the plain loop trains on one batch over
and over. Ways are timed in turn, round by round. LeNet-5 has random masks of density 0.1. Operations are
those that PyTorch counts in the convolutions and matrix products of a step, forward and backward.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from noise import noise
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode
from training import plain_loop

from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.masked import train_masked
from effective_sparsity.training.run import Run

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
clock = time.process_time if THREADS == 1 else time.perf_counter

# Batch sizes of the paper, but for ResNet-18, whose 256 would take 40 s a step.
LARGE = {"vgg-16": 128, "resnet-18": 16}


def initialised(network):
    model = network.build()
    initialise(model, 0)
    return model


def engine(network, masks, batch_size: int, short: int, long: int, **options) -> Callable[[], float]:
    """A function that measures the milliseconds of a step."""
    data, execution = noise(network, 2 * batch_size, 2), Execution(device="cpu", **options)

    def seconds(steps: int) -> float:
        recipe = replace(
            network.recipe, steps=steps, batch_size=batch_size, milestones=(), evaluate_every=10**9
        )
        model = initialised(network)
        start = clock()
        train_masked(model, masks, Run(dataset=data, recipe=recipe, seed=0, execution=execution))
        return clock() - start

    return lambda: 1000 * (seconds(long) - seconds(short)) / (long - short)


def loop(run: Callable[[int], None], steps: int) -> Callable[[], float]:
    """As `engine`, for a loop of so many steps."""
    run(3)

    def measure() -> float:
        start = clock()
        run(steps)
        return 1000 * (clock() - start) / steps

    return measure


def matrix_product() -> float:
    """Gflop/s of a large product of matrices."""
    size = 2000
    a = torch.rand(size, size)
    start = clock()
    torch.mm(a, a)
    return 2 * size**3 / (clock() - start) / 1e9


def operations(network, batch_size: int) -> int:
    model = initialised(network)
    labels = torch.zeros(batch_size, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        cross_entropy(model(torch.rand(batch_size, *network.input_shape)), labels).backward()
    return counter.get_total_flops()


def lenet_5() -> None:
    network = NETWORKS["lenet-5"]
    random = np.random.default_rng(0)
    masks = {
        name: random.random(weight.shape) < 0.1 for name, weight in kernels(initialised(network)).items()
    }
    data = noise(network, 128, 2)
    compiled = initialised(network)
    compiled.compile()
    ways = {
        "plain PyTorch loop": loop(plain_loop(initialised(network), masks, data, 128), 20),
        "plain loop, compiled": loop(plain_loop(compiled, masks, data, 128), 20),
        "masked engine": engine(network, masks, 128, 5, 25),
        "masked engine, channels last": engine(network, masks, 128, 5, 25, channels_last=True),
    }
    rounds = [
        {name: measure() for name, measure in ways.items()} | {"limit": matrix_product()} for _ in range(9)
    ]
    limit = max(times["limit"] for times in rounds)
    gflop = operations(network, 128) / 1e9
    print(f"LeNet-5, batch 128, {gflop:.2f} Gflop a step; a matrix product reaches {limit:.0f} Gflop/s")
    for name in ways:
        ms = [times[name] for times in rounds]
        ratio = statistics.median(times["plain PyTorch loop"] / times[name] for times in rounds)
        print(f"  {name:30} {statistics.median(ms):7.2f} ms (best {min(ms):.2f}) {ratio:5.2f}x", flush=True)


def large() -> None:
    for name, batch_size in LARGE.items():
        network = NETWORKS[name]
        gflop = operations(network, batch_size) / 1e9
        step = engine(network, {}, batch_size, 1, 3)
        reached, shares = [], []
        for _ in range(3):
            speed = max(matrix_product() for _ in range(3))
            reached.append(gflop / (step() / 1000))
            shares.append(reached[-1] / max(speed, *(matrix_product() for _ in range(3))))
        print(
            f"{name}, batch {batch_size}, {gflop:.0f} Gflop a step: {1000 * gflop / max(reached):.0f} ms at "
            f"best, {max(reached):.0f} Gflop/s, {statistics.median(shares):.0%} of a matrix product",
            flush=True,
        )


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    lenet_5()
    large()
