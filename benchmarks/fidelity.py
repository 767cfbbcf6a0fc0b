"""What the differences from the paper's reference implementation do to the numbers: docs/fidelity.md.

    python benchmarks/fidelity.py data/mnist.safetensors results/lenet-300-100

The first argument is MNIST as the workflow stores it, the second the results of a study that has trained
LeNet-300-100 on it. What the reference does is written anew here, from its definition. A few minutes.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from effective_sparsity import datasets
from effective_sparsity.connectivity import Connectivity
from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.connectivity.vectors import flatten, unflatten
from effective_sparsity.networks.registry import NETWORKS, Network
from effective_sparsity.networks.state import initial_state, with_state
from effective_sparsity.pruning import allocations, saliencies
from effective_sparsity.pruning.orders import at_random
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.rank import rank
from effective_sparsity.pruning.ranking import Priorities
from effective_sparsity.training.masked import evaluate
from effective_sparsity.training.result import load_trained

TEST_BATCH = 128  # of the reference


def inputs_of(network: Network, seed: int = 0, **more) -> Inputs:
    state, prunable = initial_state(network, seed)
    return Inputs(network, state, tuple(prunable), seed=seed, **more)


def quotas(inputs: Inputs, allocation, compression: float) -> list[float]:
    """Densities of the layers."""
    priority = Priorities.of(allocation(at_random(inputs.weights, inputs.seed))).layers
    least = inputs.n_weights - n_at_compression(inputs.n_weights, compression) + 1
    return [float((layer >= least).mean()) for layer in priority.values()]


def erk_that_gives_to_the_layer_before(shapes: list[tuple[int, ...]], compression: float) -> list[float]:
    """The reference's densities: what exceeds 1 goes to the layer before, whose own density may then, too."""
    sizes = np.array([np.prod(shape) for shape in shapes], float)
    dimensions = np.array([sum(shape) for shape in shapes], float)
    density = sizes.sum() / compression / dimensions.sum() * dimensions / sizes
    for layer in range(len(shapes) - 1, 0, -1):
        excess = max(density[layer] - 1, 0) * sizes[layer]
        density[layer] -= excess / sizes[layer]
        density[layer - 1] += excess / sizes[layer - 1]
    return list(density)


def erk() -> None:
    print("ERK: densities of the layers, solved again and given to the layer before")
    for name, compression in [
        ("lenet-300-100", 3),
        ("lenet-5", 3),
        ("lenet-5", 5),
        ("vgg-16", 10),
        ("vgg-16", 100),
    ]:
        inputs = inputs_of(NETWORKS[name])
        shapes = [weight.shape for weight in inputs.weights.values()]
        ours = quotas(inputs, allocations.erk, compression)
        reference = erk_that_gives_to_the_layer_before(shapes, compression)
        print(f"  {name} at {compression}:")
        print("   ", " ".join(f"{density:.3f}" for density in ours))
        print("   ", " ".join(f"{density:.3f}" for density in reference))


def rounding() -> None:
    """The reference rounds each layer's count of pruned weights; here the count of all is exact."""
    inputs = inputs_of(NETWORKS["lenet-300-100"])
    sizes = np.array([weight.size for weight in inputs.weights.values()])
    differences = []
    for compression in 10 ** (0.2 * np.arange(5, 26)):
        kept = sizes.sum() - np.rint(sizes * (1 - 1 / compression)).sum()
        differences.append(int(kept) - n_at_compression(int(sizes.sum()), compression))
    print(
        f"Rounding by layer, uniform quotas, 21 levels: {min(differences):+d} to {max(differences):+d} kept"
    )


def snip(dataset) -> None:
    print("SNIP: kept with both losses (share), active with cross-entropy and with the linear loss")
    for seed in range(3):
        inputs = inputs_of(NETWORKS["lenet-300-100"], seed, dataset=dataset)
        connectivity = Connectivity(inputs.model(), inputs.network.input_shape)
        rankings = [
            rank(PRUNERS["snip"], replace(inputs, snip_loss=loss), connectivity)
            for loss in ("cross-entropy", "linear")
        ]
        for compression in (10, 100, 1000):
            thresholds = [ranking.threshold("direct", compression) for ranking in rankings]
            one, other = (
                flatten(ranking.kept(threshold))
                for ranking, threshold in zip(rankings, thresholds, strict=True)
            )
            active = [
                ranking.n_active(threshold) for ranking, threshold in zip(rankings, thresholds, strict=True)
            ]
            print(
                f"  seed {seed}, compression {compression}: {(one & other).sum() / one.sum():.2f}, {active}"
            )


def synflow() -> None:
    """The reference scores VGG-16 with average pools, and VGG-19 with its own maximum pools."""
    print("SynFlow on VGG-16: kept, active with maximum pools, with average pools, kept by both (share)")
    network = NETWORKS["vgg-16"]
    connectivity = Connectivity(network.build(), network.input_shape)
    for compression in (100.0, 1000.0):
        masks = []
        for pool in (nn.MaxPool2d, nn.AvgPool2d):
            inputs = _Pooled(**vars(inputs_of(network, compression=compression)), pool=pool)
            n_kept = n_at_compression(inputs.n_weights, compression)
            order = saliencies.synflow(inputs)
            masks.append({name: layer > inputs.n_weights - n_kept for name, layer in order.items()})
        active = [int(flatten(connectivity.effective_masks(mask)).sum()) for mask in masks]
        one, other = map(flatten, masks)
        print(f"  compression {compression:g}: {one.sum()}, {active}, {(one & other).sum() / one.sum():.2f}")


@dataclass(frozen=True)
class _Pooled(Inputs):
    """Inputs whose model pools in another way."""

    pool: type[nn.Module] = nn.MaxPool2d

    def model(self):
        model = super().model()
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.MaxPool2d):
                setattr(model, name, self.pool(module.kernel_size))
        return model


def synflow_steps() -> None:
    """The reference removes weights by the same steps, but for rounding, float32 and the order of ties."""
    variants = {
        "the order of ties": {},
        "ties, and scores changed by 1e-7 of their value": {"noise": 1e-7},
        "ties and float32": {"dtype": np.float32},
        "ties and counts rounded up": {"count": rounded_up},
        "all three, the reference": {"count": rounded_up, "dtype": np.float32},
        "ties, and 200 steps instead of 100": {"n_steps": 200},
    }
    network = NETWORKS["lenet-300-100"]
    connectivity = Connectivity(network.build(), network.input_shape)
    agreement, stranded = defaultdict(list), defaultdict(list)

    def stranded_by(kept: np.ndarray, inputs: Inputs) -> int:
        return int(kept.sum() - flatten(connectivity.effective_masks(unflatten(kept, inputs.weights))).sum())

    for seed in range(10):
        for compression in (10.0, 100.0, 1000.0):
            inputs = inputs_of(network, seed, compression=compression)
            n_kept = n_at_compression(inputs.n_weights, compression)
            ours = flatten(saliencies.synflow(inputs)) > inputs.n_weights - n_kept
            stranded["ours", compression].append(stranded_by(ours, inputs))
            for name, options in variants.items():
                kept = synflow_anew(inputs, **options)
                share = 100 * (ours & kept).sum() / max(ours.sum(), kept.sum())
                agreement[name, compression].append(share)
                stranded[name, compression].append(stranded_by(kept, inputs))
    print("SynFlow on LeNet-300-100, ten seeds, by what differs from ours: kept by both (%)")
    print(pd.DataFrame(agreement).agg(["mean", "min", "max"]).T.round(2).to_string())
    print("Kept weights without a path:")
    print(pd.DataFrame(stranded).agg(["mean", "min", "max"]).T.round(1).to_string())


def synflow_anew(
    inputs: Inputs,
    count: Callable[[int, float], int] = n_at_compression,
    dtype: type = np.float64,
    noise: float = 0.0,
    n_steps: int = 100,
) -> np.ndarray:
    """Mask (N,) of the weights that SynFlow keeps; for fully connected layers, ties left to NumPy's sort.

    Args:
        count: from the number of all weights and a compression to the number of those that a step leaves.
        noise: standard deviation of what scores are changed by, relative to their value.
    """
    random = np.random.default_rng(0)
    # As Keras has them, (inputs, outputs): the order of ties depends on it.
    magnitudes = [np.abs(weight.T.astype(dtype)) for weight in inputs.weights.values()]
    ends = np.cumsum([magnitude.size for magnitude in magnitudes])
    left = np.arange(inputs.n_weights)
    for step in range(1, n_steps + 1):
        flows = np.concatenate([flow.ravel() for flow in flows_through(magnitudes)])[left]
        flows *= 1 + noise * random.standard_normal(len(left)).astype(dtype)
        n_left = count(inputs.n_weights, inputs.compression ** (step / n_steps))
        left = left[np.argsort(flows)[len(left) - n_left :]]
        left.sort()
        mask = np.zeros(inputs.n_weights, bool)
        mask[left] = True
        for magnitude, part in zip(magnitudes, np.split(mask, ends[:-1]), strict=True):
            magnitude *= part.reshape(magnitude.shape)
    return np.concatenate([(magnitude.T > 0).ravel() for magnitude in magnitudes])


def flows_through(magnitudes: list[np.ndarray]) -> list[np.ndarray]:
    """Sums over the paths through each weight (inputs, outputs) of the products of the weights on a path."""
    arriving, leaving = [np.ones_like(magnitudes[0][:, 0])], [np.ones_like(magnitudes[-1][0])]
    for magnitude in magnitudes[:-1]:
        arriving.append(arriving[-1] @ magnitude)
    for magnitude in magnitudes[:0:-1]:
        leaving.insert(0, magnitude @ leaving[0])
    return [m * np.outer(a, b) for m, a, b in zip(magnitudes, arriving, leaving, strict=True)]


def rounded_up(n_weights: int, compression: float) -> int:
    """Weights left when the count of those removed is rounded down, as the reference does."""
    return n_weights - int(n_weights - n_weights / compression)


def batch_statistics(dataset, results: Path) -> None:
    """The reference normalises test batches by their own statistics."""
    network = NETWORKS["lenet-300-100"]
    model = network.build()
    rows = []
    for path in sorted(results.glob("lenet-300-100/seed-*/random-igq/effective/*.safetensors")):
        trained = load_trained(path)
        if trained.status != "ok":
            continue
        with_state(model, trained.state)
        rows.append(
            {
                "compression": float(path.stem[1:]),
                "running statistics": evaluate(model, dataset, "cpu")[1],
                "those of the batch": accuracy_by_batches(model, dataset),
            }
        )
    print("Test accuracy, random pruning with IGQ, effective, mean over seeds:")
    table = 100 * pd.DataFrame(rows).groupby("compression").mean()
    print(table.assign(difference=table.iloc[:, 1] - table.iloc[:, 0]).round(2).to_string())


@torch.no_grad()
def accuracy_by_batches(model: nn.Module, dataset) -> float:
    """Accuracy with batch norm on the statistics of each test batch."""
    model.train()
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (dataset.mean, dataset.std))
    images = (torch.from_numpy(dataset.test_images).float() / 255 - mean) / std
    labels = torch.from_numpy(dataset.test_labels)
    pairs = zip(images.split(TEST_BATCH), labels.split(TEST_BATCH), strict=True)
    return sum(int((model(some).argmax(1) == truth).sum()) for some, truth in pairs) / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("mnist", type=Path)
    parser.add_argument("results", type=Path)
    options = parser.parse_args()
    dataset = datasets.load(options.mnist)
    erk()
    rounding()
    snip(dataset)
    batch_statistics(dataset, options.results)
    synflow()
    synflow_steps()


if __name__ == "__main__":
    main()
