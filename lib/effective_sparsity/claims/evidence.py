"""From a quantity that was measured once for each seed to a verdict on what is claimed of it.

A part of a claim names a bound for its quantity, fixed here in code before any number is known. It is
confirmed only if the whole 95 % interval over seeds keeps the bound, and refuted only if a whole interval
lies beyond it; whatever lies between is not confirmed. Two allowances make the verdicts conservative:

* a claim holds only if all its parts hold, so confirming needs no correction for their number; but one part
  that fails by chance would refute it, so intervals that refute are widened (Bonferroni) by how many there
  are;
* fewer than three seeds give no verdict: the interval of two values is 12.7 standard errors wide on each
  side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from scipy import stats

MIN_SEEDS = 3


class Verdict(StrEnum):
    """What the tables say of a claim, or of a part of it."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not confirmed"
    REFUTED = "refuted"
    NOT_ENOUGH_DATA = "not enough data"


# Which verdict a claim takes over from its parts, if any of them has it.
_PRECEDENCE = (Verdict.REFUTED, Verdict.NOT_ENOUGH_DATA, Verdict.NOT_CONFIRMED, Verdict.CONFIRMED)

Unit = Literal["factor", "points", "share", "tau"]


@dataclass(frozen=True)
class Bound:
    """What is claimed of a quantity.

    Attributes:
        side: whether the quantity is claimed to be "at least" or "at most" `confirmed`.
        confirmed: the claim is confirmed if the whole interval keeps this bound.
        refuted: it is refuted if a whole interval lies beyond this one; as `confirmed` unless given.
    """

    side: Literal["at least", "at most"]
    confirmed: float
    refuted: float | None = None

    def holds(self, low: float, high: float) -> bool:
        """Whether the interval keeps the bound."""
        return low >= self.confirmed if self.side == "at least" else high <= self.confirmed

    def fails(self, low: float, high: float) -> bool:
        """Whether the interval lies beyond the bound."""
        limit = self.confirmed if self.refuted is None else self.refuted
        return high < limit if self.side == "at least" else low > limit


@dataclass(frozen=True)
class Part:
    """A quantity, its value for each seed, and what is claimed of it.

    Attributes:
        quantity: what was measured, in words.
        unit: "factor" (averaged as a logarithm), "points" (percentage points), "share" (a fraction) or "tau".
        bound: what is claimed.
        values: one for each seed; may be infinite.
        missing: what else the tables must have before the quantity means anything; empty if nothing.
    """

    quantity: str
    unit: Unit
    bound: Bound
    values: Sequence[float] = ()
    missing: str = ""

    def interval(self, comparisons: int = 1) -> tuple[float, float, float]:
        """Mean and its t interval, 95 % for all `comparisons` together; NaN without values.

        Infinite values have no mean: then it is the median, and the range of the values.
        """
        values = np.asarray(self.values, float)
        if not len(values):
            return np.nan, np.nan, np.nan
        if not np.isfinite(values).all():
            return float(np.median(values)), values.min(), values.max()
        if self.unit == "factor":
            return tuple(10 ** np.array(_t_interval(np.log10(values), comparisons)))
        return _t_interval(values, comparisons)

    def lacks(self) -> str:
        """What is missing for a verdict; empty if nothing is."""
        if self.missing or len(self.values) >= MIN_SEEDS:
            return self.missing
        return f"{MIN_SEEDS} seeds (there {'is' if len(self.values) == 1 else 'are'} {len(self.values)})"

    def verdict(self, comparisons: int = 1) -> Verdict:
        """The verdict on this part, one of `comparisons` of its claim."""
        if self.lacks():
            return Verdict.NOT_ENOUGH_DATA
        if self.bound.holds(*self.interval()[1:]):
            return Verdict.CONFIRMED
        if self.bound.fails(*self.interval(comparisons)[1:]):
            return Verdict.REFUTED
        return Verdict.NOT_CONFIRMED


def _t_interval(values: np.ndarray, comparisons: int) -> tuple[float, float, float]:
    mean = float(values.mean())
    if len(values) == 1:
        return mean, np.nan, np.nan
    half = stats.t.ppf(1 - 0.025 / comparisons, len(values) - 1) * stats.sem(values)
    return mean, mean - half, mean + half


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a claim of which all parts must hold."""
    found = set(verdicts) or {Verdict.NOT_ENOUGH_DATA}
    return next(verdict for verdict in _PRECEDENCE if verdict in found)
