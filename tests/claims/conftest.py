"""Synthetic tables for which the verdicts are known."""

import itertools
import math

import pandas as pd
import pytest

N = 266_200
SEEDS = (0, 1, 2)
LEVELS = (10.0, 31.6228, 100.0, 158.489, 251.189, 398.107, 630.957, 1000.0)
RANDOM = ("random-uniform", "random-erk", "random-igq", "random-snip", "random-synflow")
MAGNITUDE = ("magnitude-global", "lamp", "magnitude-uniform", "magnitude-erk", "magnitude-igq")
SALIENCIES = ("snip", "snip-iterative", "synflow")
WHERE = {"architecture": "lenet-300-100", "dataset": "mnist", "reduced": ""}

# The factor between effective and direct compression is 1 up to 100, and from there (c / 100)^exponent.
EXPONENTS = dict.fromkeys(RANDOM, 4.0) | dict.fromkeys(MAGNITUDE, 0.3) | {"snip": 0.4, "snip-iterative": 0.01}

# Percentage points by which pruners of equal effective compression differ.
QUALITY = {"random-igq": 2.0, "magnitude-igq": 3.0} | dict.fromkeys(MAGNITUDE[:-1], 3.0)


def seed_noise(seed: int, *names: str) -> float:
    """Up to half a percentage point, the same for the same names."""
    return 0.005 * math.sin(seed + sum(map(ord, "".join(names))))


@pytest.fixture(scope="session")
def _supporting() -> dict[str, pd.DataFrame]:
    """Tables of a full-scale study in which all seven claims hold, with little noise."""
    subnetworks, curves, costs = [], [], []
    for seed, pruner in itertools.product(SEEDS, RANDOM + MAGNITUDE + SALIENCIES):
        exponent = EXPONENTS.get(pruner, 0.0) * (1 + seed_noise(seed))
        for level, criterion in itertools.product(LEVELS, ("direct", "effective")):
            factor = max(1, level / 100) ** exponent
            direct = criterion == "direct"
            n_kept = round(N / level) if direct else round(min(N, N / level * math.sqrt(factor)))
            n_active = round(n_kept / factor) if direct else round(N / level)
            compression = N / n_active if n_active else math.inf
            accuracy = 0.98 - 0.1 * math.log10(min(compression, 1e6) / 10)
            quality = QUALITY.get(pruner, 0.0) / 100 + seed_noise(seed, pruner) / 10
            subnetworks.append(
                WHERE
                | {
                    "pruner": pruner,
                    "criterion": criterion,
                    "seed": seed,
                    "target_compression": level,
                    "n_weights": N,
                    "n_kept": n_kept,
                    "n_active": n_active,
                    "direct_compression": N / n_kept,
                    "effective_compression": compression,
                    "test_accuracy": accuracy + quality,
                }
            )
        for level in (*LEVELS, 5000.0):
            factor = max(1, level / 100) ** exponent
            effective = level * factor if level < 2000 else math.inf
            point = {"direct_compression": level, "effective_compression": effective}
            curves.append(WHERE | {"pruner": pruner, "seed": seed} | point)
        for stage, seconds in (("subnetworks", 4.0), ("retrain", 200.0 + seed)):
            costs.append(WHERE | {"pruner": pruner, "seed": seed, "stage": stage, "cpu_seconds": seconds})
    dense = [WHERE | {"seed": seed, "test_accuracy": 0.98 + seed_noise(seed)} for seed in SEEDS]
    layers = [WHERE | {"layer": f"fc{i}.weight"} for i in (1, 2, 3)]
    tables = {"subnetworks": subnetworks, "dense": dense, "layers": layers, "curves": curves, "costs": costs}
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


@pytest.fixture
def tables(_supporting) -> dict[str, pd.DataFrame]:
    """All claims hold here."""
    return {name: table.copy() for name, table in _supporting.items()}
