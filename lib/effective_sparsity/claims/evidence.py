"""From one value per seed to a verdict, the same way for every part of every claim (docs/claims.md).

A t test over seeds asks on which side of its bound the mean of a part lies. Holm's correction covers the
parts that are decided together, confirming and refuting alike. The interval shown is that of the corrected
test, so a part is undecided exactly where its interval contains the bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import pandas as pd

from effective_sparsity.figures.statistics import ERROR_RATE, MIN_SEEDS, half_width, holm, p_value, quantile

POWER = 0.9
# More seeds than this are not worth counting.
MANY_SEEDS = 1000

Unit = Literal["factor", "points", "share", "tau"]


class Verdict(StrEnum):
    """What the tables say of a claim, or of a part of it."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    IN_PART = "in part"
    UNDECIDED = "undecided"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class Bound:
    """What is claimed of a quantity: that it is "at least" or "at most" a value."""

    side: Literal["at least", "at most"]
    value: float

    def holds(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        return value >= self.value if self.side == "at least" else value <= self.value


@dataclass(frozen=True)
class Part:
    """A quantity, its value for each seed, and what is claimed of it.

    Attributes:
        label: what is claimed, in a few words.
        quantity: what was measured, in words.
        unit: "factor" (averaged as a logarithm), "points" (percentage points), "share" (a fraction) or "tau".
        bound: what is claimed of the mean over seeds.
        values: one finite value for each seed.
        missing: what else the tables must have before the quantity means anything; empty if nothing.
        primary: whether the verdict on the claim rests on it.
    """

    label: str
    quantity: str
    unit: Unit
    bound: Bound
    values: Sequence[float] = ()
    missing: str = ""
    primary: bool = True

    @property
    def lacks(self) -> str:
        """What is missing for a verdict; empty if nothing is."""
        if self.missing or len(self.values) >= MIN_SEEDS:
            return self.missing
        return f"{MIN_SEEDS} seeds (there {'is' if len(self.values) == 1 else 'are'} {len(self.values)})"

    def scaled(self, values: Sequence[float]) -> np.ndarray:
        """Values on the scale on which they are averaged."""
        array = np.asarray(values, dtype=float)
        return np.log10(array) if self.unit == "factor" else array

    def unscaled(self, value: float) -> float:
        """A value in the unit again."""
        return float(10**value) if self.unit == "factor" else float(value)


@dataclass(frozen=True)
class Decision:
    """A part with what its values say.

    Attributes:
        part: the part.
        value: mean over seeds; NaN without values.
        low, high: its interval, corrected for the parts that are decided together; NaN for fewer than two
            seeds.
        verdict: on this part.
        seeds_needed: an undecided part's number of seeds that would decide it with power 0.9, if mean and
            spread were as measured; infinite beyond 1,000.
    """

    part: Part
    value: float
    low: float
    high: float
    verdict: Verdict
    seeds_needed: float = np.nan


def decide(parts: Sequence[Part]) -> list[Decision]:
    """Decide parts together: Holm's step-down procedure over their two-sided t tests."""
    p_values = {i: _p_value(part) for i, part in enumerate(parts) if not part.lacks}
    rates = holm(p_values)
    return [_decision(part, rates.get(i, ERROR_RATE)) for i, part in enumerate(parts)]


def _p_value(part: Part) -> float:
    """Two-sided p value of the mean being equal to the bound."""
    return p_value(pd.Series(part.scaled(part.values) - part.scaled([part.bound.value])[0]))


def _decision(part: Part, error_rate: float) -> Decision:
    values = part.scaled(part.values)
    if len(values) == 0:
        return Decision(part, np.nan, np.nan, np.nan, Verdict.NOT_ENOUGH_DATA)
    mean = float(values.mean())
    if len(values) == 1:
        return Decision(part, part.unscaled(mean), np.nan, np.nan, Verdict.NOT_ENOUGH_DATA)
    half = half_width(pd.Series(values), error_rate)
    value, low, high = (part.unscaled(x) for x in (mean, mean - half, mean + half))
    if part.lacks:
        return Decision(part, value, low, high, Verdict.NOT_ENOUGH_DATA)
    holds = {part.bound.holds(low), part.bound.holds(high)}
    if len(holds) == 2:
        needed = _seeds_needed(mean - part.scaled([part.bound.value])[0], values.std(ddof=1), error_rate)
        return Decision(part, value, low, high, Verdict.UNDECIDED, needed)
    return Decision(part, value, low, high, Verdict.CONFIRMED if holds == {True} else Verdict.REFUTED)


def _seeds_needed(effect: float, spread: float, error_rate: float) -> float:
    """The smallest number of seeds at which the test finds `effect` with power 0.9."""
    n = np.arange(MIN_SEEDS, MANY_SEEDS + 1)
    detectable = (quantile(n, 1 - error_rate / 2) + quantile(n, POWER)) * spread / np.sqrt(n)
    enough = n[detectable <= abs(effect)]
    return float(enough[0]) if len(enough) else np.inf


def overall(verdicts: Sequence[Verdict], any_suffices: bool = False) -> Verdict:
    """The verdict on a claim from those on its primary parts.

    Args:
        any_suffices: whether one confirmed part confirms the claim, which says that something can be.
    """
    found = set(verdicts)
    decided = found & {Verdict.CONFIRMED, Verdict.REFUTED}
    if any_suffices and Verdict.CONFIRMED in found:
        return Verdict.CONFIRMED
    if not found or Verdict.NOT_ENOUGH_DATA in found:
        return Verdict.NOT_ENOUGH_DATA
    if any_suffices:
        return Verdict.REFUTED if found == {Verdict.REFUTED} else Verdict.UNDECIDED
    if len(decided) == 2:
        return Verdict.IN_PART
    if found == {Verdict.CONFIRMED}:
        return Verdict.CONFIRMED
    return Verdict.REFUTED if Verdict.REFUTED in found else Verdict.UNDECIDED
