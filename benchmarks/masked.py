"""The masked engine on a CPU: LeNet-5 against plain PyTorch, large networks against the matrix product.

    python benchmarks/masked.py [--threads N]
    python benchmarks/masked.py --parts [NETWORK...]

CPU seconds for one thread (the default), wall time for more. Images are random: what they show does not
change the time. Figures of the engine are the difference between a long and a short run by the number of
steps between them, with augmentation, data order and normalisation; the plain loop trains on one batch over
and over. Ways are timed in turn, round by round. LeNet-5 has random masks of density 0.1. Operations are
those that PyTorch counts in the convolutions and matrix products of a step, forward and backward.

--parts tells where the time of a step goes, in CPU milliseconds of one thread: dense, and compacted from what
SynFlow leaves at direct compressions of 100 and 1,000, beside the plain masked loop in the same rounds. A
clock is read between the parts: the profiler of PyTorch would count the time of other processes.
"""

import argparse
import copy
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from compaction import TRAINING_BATCH, subnetworks
from noise import noise
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode
from training import plain_loop

from effective_sparsity.compaction import compaction
from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.training.augmentation import draw
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.masked import MaskedEngine, train_masked
from effective_sparsity.training.run import Run

clock = time.process_time  # perf_counter with more than one thread

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


def loop(run: Callable[[int], None], steps: int, warm_up: int = 3) -> Callable[[], float]:
    """As `engine`, for a loop of so many steps."""
    run(warm_up)

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


PARTS = ("data", "forward", "backward", "masks", "optimizer")


class TimedEngine(MaskedEngine):
    """An engine that adds up the seconds of the parts of its steps."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.seconds = Counter()
        self.since = 0.0
        forward, self.pairs = self.forward, self.masked
        self.forward = lambda images: self.ends("forward", forward(images))
        self.masked = self

    def ends(self, part: str, result=None):
        now = time.process_time()
        self.seconds[part] += now - self.since
        self.since = now
        return result

    def __iter__(self) -> Iterator:
        """The weights and masks, for the loop that masks gradients once they are there."""
        self.ends("backward")
        yield from self.pairs
        self.ends("masks")

    def _batch(self, *arguments):
        return self.ends("data", super()._batch(*arguments))

    def timed_step(self, batches: Batches, number: int) -> None:
        self.since = time.process_time()
        drawn = draw(self.recipe.augmentation, batches.random(number), self.recipe.batch_size)
        self.step(batches.indices(number), drawn, 0.01)
        self.ends("optimizer")


def parts(name: str, rounds: int = 5) -> None:
    network, batch_size = NETWORKS[name], TRAINING_BATCH[name]
    data = noise(network, 4 * batch_size, 2)
    recipe = replace(network.recipe, batch_size=batch_size)
    batches = Batches(4 * batch_size, batch_size, 0)
    given = {"dense": (initialised(network), {})}
    for (_, compression), model, masks in subnetworks(name, [("synflow", 100), ("synflow", 1000)]):
        given[f"SynFlow, {compression:,}"] = model, masks
    print(f"| {name}, batch {batch_size} | precision | {' | '.join(PARTS)} | step | plain loop | ratio |")
    for label, (model, masks) in given.items():
        small = compaction(model, masks, network.input_shape, constants="train")
        arrays = {weight: mask.numpy() for weight, mask in masks.items()}
        plain = plain_loop(initialised(network), arrays, data, batch_size)
        engines = {}
        for precision in ("float32", "bfloat16"):
            execution = Execution(device="cpu", precision=precision)
            kept = {weight: mask.numpy() for weight, mask in small.masks.items()}
            run = Run(dataset=data, recipe=recipe, seed=0, execution=execution)
            engines[precision] = TimedEngine(copy.deepcopy(small.model), kept, run)
        measured = []
        for number in range(rounds + 1):
            times = {"plain": loop(plain, 1, warm_up=0)()}
            for precision, engine in engines.items():
                engine.seconds.clear()
                engine.timed_step(batches, number)
                times[precision] = {part: 1000 * seconds for part, seconds in engine.seconds.items()}
            measured.append(times)
        del measured[0]  # warms up
        for precision in engines:
            by_part = [statistics.median(times[precision][part] for times in measured) for part in PARTS]
            steps = [sum(times[precision].values()) for times in measured]
            ratio = statistics.median(
                times["plain"] / step for times, step in zip(measured, steps, strict=True)
            )
            loop_ms = statistics.median(times["plain"] for times in measured)
            cells = [f"{ms:.3g}" for ms in (*by_part, statistics.median(steps), loop_ms, ratio)]
            print(f"| {label} | {precision} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    global clock
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--parts", nargs="*", choices=[*TRAINING_BATCH])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.threads > 1:
        clock = time.perf_counter
    if options.parts is not None:
        for name in options.parts or TRAINING_BATCH:
            parts(name)
    else:
        lenet_5()
        large()


if __name__ == "__main__":
    main()
