"""Summaries over seeds."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import pandas as pd
from scipy.special import stdtr, stdtrit

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)

# Fewer seeds decide nothing.
MIN_SEEDS = 3
ERROR_RATE = 0.05


def half_width(values: pd.Series, error_rate: float = ERROR_RATE) -> float:
    """Half width of Student's t confidence interval (95 %) of a mean; NaN for fewer than two values."""
    return float(quantile(values.count(), 1 - error_rate / 2) * values.sem())


def over_seeds(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Mean of `value` with its 95 % t interval, for each group of rows with equal `keys`.

    Returns:
        Columns `keys`, mean, low, high (NaN for a single seed), seeds (how many values went in); by key.
        Empty values are left out, groups without any value are absent.
    """
    groups = rows.dropna(subset=[value]).groupby(keys, sort=True)[value]
    summary = groups.agg(mean="mean", error="sem", seeds="count").reset_index()
    half = quantile(summary.seeds, 1 - ERROR_RATE / 2) * summary.error
    summary = summary.assign(low=summary["mean"] - half, high=summary["mean"] + half)
    return summary[[*keys, "mean", "low", "high", "seeds"]]


def quantile(n: Any, probability: float) -> Any:
    """Of Student's t distribution, for a sample of n (a number or an array)."""
    return stdtrit(n - 1, probability)  # of scipy.special: importing scipy.stats takes most of a second


def p_value(values: pd.Series) -> float:
    """Two-sided p value of Student's t test of the mean being 0; 0 if the values, two at least, are equal."""
    mean, error = abs(values.mean()), values.sem()
    return float(2 * stdtr(len(values) - 1, -mean / error)) if error else 0.0


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """The error rate at which each of several tests is made, by Holm's (1979) step-down procedure.

    From the first failure on it is that of the failure. A test rejects if its p value is below its rate.
    """
    rates = {}
    rate, failed = ERROR_RATE, False
    for rank, (key, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        rate = rate if failed else ERROR_RATE / (len(p_values) - rank)
        failed = failed or p >= rate
        rates[key] = rate
    return rates


def median_over_seeds(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Median, minimum and maximum of `value` for each group of rows with equal `keys`.

    An infinite value counts as larger than all others, so the median is infinite when at least half of the
    seeds are. (With an even number of seeds the median is the mean of the middle two.)

    Returns:
        Columns `keys`, median, low, high, seeds.
    """
    groups = rows.dropna(subset=[value]).groupby(keys, sort=True)[value]
    return groups.agg(median="median", low="min", high="max", seeds="count").reset_index()


def jackknife(statistic: Callable[[list[Item]], float], seeds: list[Item]) -> list[float]:
    """One value per seed of a statistic that needs several seeds at once: its pseudo-values.

    Their mean is the jackknife estimate, and their standard error that of Tukey (1958).

    Args:
        statistic: of any part of `seeds`.
        seeds: at least two.
    """
    n = len(seeds)
    whole = statistic(seeds)
    return [n * whole - (n - 1) * statistic([*seeds[:i], *seeds[i + 1 :]]) for i in range(n)]
