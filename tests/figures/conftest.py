"""Synthetic tables of a LeNet-300-100 study: plausible numbers, quick to make, nothing trained."""

import itertools
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from effective_sparsity.figures.style import RANDOM_QUOTAS, SALIENCIES

SIZES = (784, 300, 100, 10)
AT_INITIALISATION = (*RANDOM_QUOTAS, *SALIENCIES)
LAYERS = ("fc1.weight", "fc2.weight", "fc3.weight")
COUNTS = np.array([n * m for n, m in pairwise(SIZES)])
N = int(COUNTS.sum())
SEEDS = (0, 1, 2)
LEVELS = [round(float(c), 6) for c in np.logspace(1, 4, 10)]
TOY_NETWORK = [
    {"pruner": pruner, "n_weights": 14, "layer": layer, "source": source, "target": target, "active": active}
    for pruner, edges in {
        "random-uniform": [(0, 0, 1, True), (0, 3, 0, False), (1, 1, 1, True)],
        "synflow": [(0, 0, 1, True), (0, 3, 1, True), (1, 1, 1, True)],
    }.items()
    for layer, source, target, active in edges
]
WHERE = {"study": "synthetic", "architecture": "lenet-300-100", "dataset": "mnist-5k"}
REDUCED = "4,000 MNIST training images, 2,000 of 96,000 steps"
_MEASURED = ["claim", "role", "label", "unit", "value", "low", "high", "seeds", "side", "bound", "verdict"]
MEASUREMENTS = [
    WHERE
    | dict(zip(_MEASURED, row, strict=True))
    | {"quantity": "what was measured", "missing": "", "reduced": REDUCED}
    for row in [
        (
            1,
            "primary",
            "effective / direct compression of random-uniform",
            "factor",
            240.0,
            90.0,
            690.0,
            3,
            "at least",
            100.0,
            "undecided",
        ),
        (
            2,
            "primary",
            "effective / direct compression of synflow",
            "factor",
            1.12,
            1.03,
            1.22,
            3,
            "at most",
            1.01,
            "refuted",
        ),
        (
            5,
            "primary",
            "share of subnetworks within 10 % of their target",
            "share",
            0.97,
            0.96,
            0.98,
            3,
            "at least",
            0.95,
            "confirmed",
        ),
        (
            6,
            "primary",
            "random-igq minus snip, " + "mean over levels, " * 9,
            "points",
            -8.9,
            -16.6,
            -1.1,
            3,
            "at least",
            -1.0,
            "refuted",
        ),
        (
            7,
            "secondary",
            "random-igq minus random-erk",
            "points",
            np.nan,
            np.nan,
            np.nan,
            0,
            "at least",
            0.0,
            "not enough data",
        ),
    ]
]
ITERATIVE = ("snip-iterative", "synflow")

# Layerwise weights of the quotas, and the fraction of units on which a pruner's weights gather.
QUOTAS = {
    "igq": (1.0, 7.8, 235.0),
    "erk": (1.0, 2.9, 24.0),
    "uniform": (1.0, 1.0, 1.0),
    "snip": (1.0, 2.0, 40.0),
    "synflow": (1.0, 5.0, 60.0),
    "global": (1.0, 3.5, 30.0),
}
PRUNERS = {
    "random-igq": ("igq", 1.0, 0.88),
    "random-erk": ("erk", 1.0, 0.84),
    "random-uniform": ("uniform", 1.0, 0.80),
    "random-snip": ("snip", 1.0, 0.85),
    "random-synflow": ("synflow", 1.0, 0.86),
    "magnitude-global": ("global", 0.5, 0.93),
    "lamp": ("snip", 0.4, 0.96),
    "magnitude-igq": ("igq", 0.5, 0.95),
    "magnitude-erk": ("erk", 0.5, 0.92),
    "magnitude-uniform": ("uniform", 0.5, 0.88),
    "snip": ("snip", 0.25, 0.9),
    "snip-iterative": ("snip", 0.15, 0.92),
    "synflow": ("synflow", 0.005, 0.9),
    "random-igq-snip-pixels": ("igq", 1.0, 0.89),
}


def kept_per_layer(quota: str, n_kept: int) -> np.ndarray:
    """Layer counts in proportion to the quota's weights, full layers capped."""
    weights = np.array(QUOTAS[quota]) * COUNTS
    low, high = 0.0, float(N)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(middle * weights, COUNTS).sum() < n_kept else (low, middle)
    kept = np.floor(np.minimum(high * weights, COUNTS)).astype(int)
    kept[0] += n_kept - kept.sum()
    return np.clip(kept, 0, COUNTS)


def active_per_layer(kept: np.ndarray, spread: float) -> np.ndarray:
    """Mean-field count of active weights when kept weights gather on a fraction `spread` of the units."""
    units = np.maximum(np.array(SIZES) * spread, 1.0)
    units[-1] = SIZES[-1]
    density = np.minimum(kept / (units[:-1] * units[1:]), 1.0)
    from_input, to_output = [1.0], [1.0]
    for d, n in zip(density, units[:-1], strict=True):
        from_input.append(1 - (1 - d * from_input[-1]) ** n)
    for d, n in zip(density[::-1], units[:0:-1], strict=True):
        to_output.append(1 - (1 - d * to_output[-1]) ** n)
    active = kept * np.array(from_input[:-1]) * np.array(to_output[-2::-1])
    return np.floor(active).astype(int) if active.sum() >= 3 else np.zeros(3, int)


def subnetwork(pruner: str, n_kept: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    quota, gathered, _ = PRUNERS[pruner]
    kept = kept_per_layer(quota, n_kept)
    return kept, active_per_layer(kept, min(gathered * (0.9 + 0.1 * seed), 1.0))


def ratio(n: int) -> float:
    return N / n if n else math.inf


def accuracy(pruner: str, n_active: int, seed: int) -> float:
    if not n_active:
        return 0.1
    quality = PRUNERS[pruner][2]
    noise = np.random.default_rng([seed, n_active]).normal(0, 0.12)
    middle = 800 * (1 + 12 * (quality - 0.8))
    return 0.1 + 0.87 / (1 + (ratio(n_active) / middle) ** 1.3 * math.exp(noise))


def effective_kept(pruner: str, target: float, seed: int) -> int:
    """Kept count at which active weights reach the target's number, by bisection."""
    low, high = round(N / target) - 1, N
    while high - low > 1:
        middle = (low + high) // 2
        reached = subnetwork(pruner, middle, seed)[1].sum() >= round(N / target)
        low, high = (low, middle) if reached else (middle, high)
    return high


@pytest.fixture
def tables(study_tables) -> dict[str, pd.DataFrame]:
    """A copy of `study_tables` to change at will."""
    return {name: table.copy() for name, table in study_tables.items()}


@pytest.fixture(scope="session")
def study_tables() -> dict[str, pd.DataFrame]:
    """All pruners that apply to the network, 3 seeds, 10 compressions from 10 to 10,000."""
    subnetworks, layers, curves = [], [], []
    for pruner in PRUNERS:
        for seed in SEEDS:
            for target in LEVELS:
                for criterion in ("direct", "effective"):
                    direct = criterion == "direct"
                    n_kept = round(N / target) if direct else effective_kept(pruner, target, seed)
                    kept, active = subnetwork(pruner, n_kept, seed)
                    n_active = int(active.sum())
                    found = accuracy(pruner, n_active, seed)
                    row = WHERE | {
                        "pruner": pruner,
                        "criterion": criterion,
                        "seed": seed,
                        "target_compression": target,
                    }
                    subnetworks.append(
                        row
                        | {
                            "reduced": REDUCED,
                            "n_weights": N,
                            "n_kept": n_kept,
                            "n_active": n_active,
                            "direct_compression": ratio(n_kept),
                            "effective_compression": ratio(n_active),
                            "status": "ok" if n_active else "disconnected",
                            "steps": 2000,
                            "test_accuracy": found,
                            "test_loss": -math.log(found),
                        }
                    )
                    layers += [
                        row | {"layer": name, "n_weights": n, "n_kept": k, "n_active": a}
                        for name, n, k, a in zip(LAYERS, COUNTS, kept, active, strict=True)
                    ]
            curve = [
                {
                    "direct_compression": ratio(n_kept),
                    "effective_compression": ratio(n_active),
                    "n_kept": n_kept,
                    "n_active": n_active,
                }
                for n_kept in np.unique(np.logspace(0, math.log10(N), 200).round().astype(int))[::-1]
                for n_active in [int(subnetwork(pruner, n_kept, seed)[1].sum())]
            ]
            for target in LEVELS if pruner in ITERATIVE else (math.nan,):
                row = WHERE | {"pruner": pruner, "seed": seed, "target_compression": target}
                curves += [row | point for point in curve]
    dense = [
        WHERE
        | {
            "reduced": REDUCED,
            "seed": seed,
            "n_weights": N,
            "steps": 2000,
            "status": "ok",
            "test_accuracy": 0.974 + 0.002 * seed,
            "test_loss": 0.1,
        }
        for seed in SEEDS
    ]
    costs = [
        WHERE | {"pruner": pruner, "seed": seed, "stage": stage, "seconds": seconds * (1 + 0.1 * seed)}
        for pruner in PRUNERS
        for seed in SEEDS
        for stage, seconds in (("rank", 3.0), ("subnetworks", 0.8), ("retrain", 12.0))
    ]
    costs += [WHERE | {"seed": seed, "stage": "train_dense", "seconds": 20.0} for seed in SEEDS]
    columns = {
        "toy_network": TOY_NETWORK,
        "measurements": MEASUREMENTS,
        "costs": costs,
        "subnetworks": subnetworks,
        "layers": layers,
        "curves": curves,
        "dense": dense,
    }
    return {name: pd.DataFrame(rows) for name, rows in columns.items()}


@pytest.fixture(scope="session")
def many_seeds(study_tables) -> dict[str, pd.DataFrame]:
    """The confirmatory study: 40 seeds at initialisation, 20 else, at six levels.

    Thin networks may lose a class: a tenth of the accuracy, in a growing share of the seeds.
    """
    levels = np.logspace(2, 3, 6).round(3)
    random = np.random.default_rng(0)
    rows = []
    for criterion, pruner, level in itertools.product(("direct", "effective"), (*PRUNERS, "grasp"), levels):
        n_seeds = 40 if criterion == "effective" and pruner in AT_INITIALISATION else 20
        quality = PRUNERS.get(pruner, PRUNERS["snip"])[2] - 0.03 * (criterion == "direct")
        odds = 25 * (level / 100) ** -1.2 * (quality / 0.9) ** 12
        spread = random.normal(0, 0.02 + 0.1 * np.log10(level / 100), n_seeds)
        found = 1 / (1 + np.exp(-np.log(odds) - spread)) - 0.1 * (
            random.random(n_seeds) < (level / 1500) ** 2
        )
        rows += [
            WHERE
            | {"pruner": pruner, "criterion": criterion, "seed": seed, "target_compression": level}
            | {"reduced": "", "n_weights": N, "n_kept": round(N / level), "n_active": round(N / level)}
            | {"direct_compression": level, "effective_compression": level, "status": "ok", "steps": 96000}
            | {"test_accuracy": accuracy, "test_loss": -math.log(accuracy)}
            for seed, accuracy in enumerate(found)
        ]
    return study_tables | {"subnetworks": pd.DataFrame(rows)}


@pytest.fixture
def five_networks(tables) -> dict[str, pd.DataFrame]:
    """The same numbers under the names of all five networks, deep ones with more layers."""
    networks = {
        "resnet-18": "tiny-imagenet-200",
        "vgg-16": "cifar10",
        "vgg-19": "cifar100",
        "lenet-5": "cifar10",
        "lenet-300-100": "mnist",
    }
    copies = {
        name: pd.concat(
            [table.assign(architecture=a, dataset=d) for a, d in networks.items()], ignore_index=True
        )
        for name, table in tables.items()
    }
    layers = copies["layers"]
    deep = layers[~layers.architecture.str.startswith("lenet")]
    more = [deep.assign(layer=[f"features.{i}.{name}" for name in deep.layer]) for i in range(4)]
    copies["layers"] = pd.concat([layers, *more], ignore_index=True)
    return copies


@pytest.fixture
def drawn():
    """Function that returns the points of the line with a given gid, without empty ones."""

    def points(figure, gid: str) -> tuple[list[float], list[float]]:
        (line,) = [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]
        x, y = (np.asarray(values, float) for values in line.get_data())
        present = ~(np.isnan(x) | np.isnan(y))
        return x[present].tolist(), y[present].tolist()

    return points
