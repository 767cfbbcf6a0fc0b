"""Time per network and training step on one core: packed and masked training against a plain PyTorch loop.

    python benchmarks/training.py

Trains effectively pruned random IGQ subnetworks of LeNet-300-100 at the paper's batch size 100, on real
digits. Every figure is the difference between a long and a short run by the number of steps between them, so
that what is paid once does not count; random rotations, data order and normalisation do, except in the plain
loop, which trains on one batch over and over. Ways are timed in turn, round by round; medians over rounds.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from effective_sparsity import datasets
from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.layers import fully_connected
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import state_of, with_state
from effective_sparsity.pruning.allocations import igq
from effective_sparsity.pruning.orders import at_random
from effective_sparsity.pruning.ranking import Priorities
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.masked import train_masked
from effective_sparsity.training.packed.engine import train_packed
from effective_sparsity.training.run import Run

COMPRESSIONS = [10 ** (0.2 * i) for i in range(5, 26)]
ROUNDS = 11
SHORT, LONG = 20, 220
NETWORK = NETWORKS["lenet-300-100"]


def digits() -> datasets.Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mnist-5k.safetensors")
        datasets.prepare("mnist-5k", path, folder)
        return datasets.load(path)


def lenet(width: float = 1) -> nn.Module:
    """LeNet-300-100 with so many times the hidden units."""
    first, second = round(300 * width), round(100 * width)
    model = NETWORK.build()
    model.fc1, model.bn1 = nn.Linear(784, first), nn.BatchNorm1d(first)
    model.fc2, model.bn2 = nn.Linear(first, second), nn.BatchNorm1d(second)
    model.fc3 = nn.Linear(second, 10)
    initialise(model, seed=0)
    return model


def subnetworks(model: nn.Module, input_shape, compressions: list[float]) -> list[dict[str, np.ndarray]]:
    """Masks of the active weights of effectively pruned random IGQ subnetworks."""
    weights = {name: weight.detach().numpy() for name, weight in kernels(model).items()}
    ranking = Priorities.of(igq(at_random(weights, seed=0))).ranking(Connectivity(model, input_shape))
    return [ranking.active(ranking.threshold("effective", compression)) for compression in compressions]


def plain_loop(
    model: nn.Module, masks: dict[str, np.ndarray], data: datasets.Dataset, batch_size: int = 100
) -> Callable[[int], None]:
    """Masked training as it is usually written: mask the gradients, step, mask the weights."""
    images = torch.from_numpy(data.train_images[:batch_size] / np.float32(255))
    labels = torch.from_numpy(data.train_labels[:batch_size])
    weights = kernels(model)
    masks = {name: torch.from_numpy(mask).float() for name, mask in masks.items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            for name, mask in masks.items():
                weights[name].grad.mul_(mask)
            optimizer.step()
            with torch.no_grad():
                for name, mask in masks.items():
                    weights[name].mul_(mask)

    return run


def packed(initial, masks, data) -> Callable[[int], None]:
    layers = fully_connected(len(initial["fc1.bias"]), len(initial["fc2.bias"]))
    return lambda steps: train_packed(layers, initial, masks, short_run(data, steps))


def masked(initial, masks, data) -> Callable[[int], None]:
    return lambda steps: train_masked(with_state(NETWORK.build(), initial), masks, short_run(data, steps))


def short_run(data: datasets.Dataset, steps: int) -> Run:
    recipe = replace(NETWORK.recipe, steps=steps, milestones=(), evaluate_every=10**9)
    return Run(dataset=data, recipe=recipe, seed=0, execution=Execution(device="cpu"))


def ms_per_step(run: Callable[[int], None]) -> float:
    def seconds(steps: int) -> float:
        start = time.perf_counter()
        run(steps)
        return time.perf_counter() - start

    return 1000 * (seconds(LONG) - seconds(SHORT)) / (LONG - SHORT)


def matrix_product_gflops() -> float:
    """What the core reaches at best: a large product of matrices."""
    a = torch.rand(1500, 1500)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 1500**3 / min(times) / 1e9


def in_turn(ways: dict[str, Callable[[int], None]]) -> dict[str, list[float]]:
    """Milliseconds per step of each way in each round, after a first call that compiles."""
    for run in ways.values():
        run(1)
    rounds = [{name: ms_per_step(run) for name, run in ways.items()} for _ in range(ROUNDS)]
    return {name: [times[name] for times in rounds] for name in ways}


def main() -> None:
    torch.set_num_threads(1)
    data, model = digits(), lenet()
    initial, masks = state_of(model), subnetworks(model, NETWORK.input_shape, COMPRESSIONS)
    densest = masks[0]

    print(f"{len(masks)} subnetworks, {active_weights(masks):,} active weights: ms per network and step")
    times = in_turn(
        {
            "plain PyTorch loop": plain_loop(lenet(), densest, data),
            "masked engine": masked(initial, densest, data),
            "packed engine": packed(initial, masks, data),
        }
    )
    times["packed engine"] = [ms / len(masks) for ms in times["packed engine"]]
    for name, ms in times.items():
        ratio = statistics.median(p / t for p, t in zip(times["plain PyTorch loop"], ms, strict=True))
        median, best = statistics.median(ms), min(ms)
        print(
            f"  {name:20} {median:8.4f} (best {best:.4f}) {ratio:6.1f}x "
            f"{3.6e6 / median / NETWORK.recipe.steps:8.1f} networks per hour at the paper's steps"
        )

    gflop = floating_point_operations(masks) / 1e9
    limit = matrix_product_gflops()
    reached = gflop / (min(times["packed engine"]) * len(masks) / 1000)
    print(f"  {gflop * 1000:.1f} million operations a step: {reached:.0f} of {limit:.0f} Gflop/s\n")

    print("packed engine, ms per step of all networks together")
    wide = lenet(width=2)
    ways = {
        "compression 10 alone": packed(initial, masks[:1], data),
        "10 to 100": packed(initial, masks[:6], data),
        "10 to 1,000": packed(initial, masks[:11], data),
        "10 to 100,000": packed(initial, masks, data),
        "1,000 to 100,000": packed(initial, masks[10:], data),
        "10 to 100,000, width 2": packed(
            state_of(wide), subnetworks(wide, NETWORK.input_shape, COMPRESSIONS), data
        ),
        "dense network": packed(initial, [{}], data),
    }
    for name, ms in in_turn(ways).items():
        print(f"  {name:24} {statistics.median(ms):8.3f} (best {min(ms):.3f})")


def active_weights(masks) -> int:
    return sum(int(mask.sum()) for network in masks for mask in network.values())


def floating_point_operations(masks) -> int:
    """Of the products with weights: 2 a sample forward, 2 for the weight's gradient, 2 for its input's."""
    to_inputs = sum(int(network["fc1.weight"].sum()) for network in masks)
    return NETWORK.recipe.batch_size * (6 * active_weights(masks) - 2 * to_inputs)


if __name__ == "__main__":
    main()
