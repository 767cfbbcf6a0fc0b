import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.claims.evidence import Bound, Part, Verdict, together

AT_LEAST_ONE = Bound("at least", 1.0)


def part(*values: float, bound: Bound = AT_LEAST_ONE, unit="points", missing="") -> Part:
    return Part("quantity", unit, bound, values, missing)


def test_the_interval_is_students():
    # Mean 2, standard error 1 / sqrt(3), quantile 4.302653 for two degrees of freedom.
    assert part(1, 2, 3).interval() == pytest.approx(
        (2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-5
    )


def test_factors_are_averaged_as_logarithms():
    value, low, high = part(1, 10, 100, unit="factor").interval()
    assert value == pytest.approx(10)
    assert low * high == pytest.approx(100)


def test_infinite_values_have_a_median_and_a_range():
    assert part(2, math.inf, 3, unit="factor").interval() == (3, 2, math.inf)


def test_more_comparisons_widen_the_interval():
    _, low, high = part(1, 2, 3).interval()
    _, lower, higher = part(1, 2, 3).interval(comparisons=5)
    assert lower < low < high < higher


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((2.0, 2.1, 2.2), Verdict.CONFIRMED),
        ((1.0, 1.0, 1.0), Verdict.CONFIRMED),
        ((0.5, 2.0, 3.0), Verdict.NOT_CONFIRMED),
        ((0.1, 0.2, 0.1), Verdict.REFUTED),
        ((9.0, 9.0), Verdict.NOT_ENOUGH_DATA),
        ((), Verdict.NOT_ENOUGH_DATA),
    ],
)
def test_verdicts(values, verdict):
    assert part(*values).verdict() == verdict


def test_between_the_two_bounds_nothing_is_said():
    bound = Bound("at most", 1.0, refuted=2.0)
    verdicts = [part(value, value, value, bound=bound).verdict() for value in (1.0, 1.5, 2.0, 2.5)]
    assert verdicts == [Verdict.CONFIRMED, Verdict.NOT_CONFIRMED, Verdict.NOT_CONFIRMED, Verdict.REFUTED]


def test_one_of_many_comparisons_must_fail_more_clearly_to_refute():
    near = part(0.0, 0.2, 0.4)
    assert near.verdict() == Verdict.REFUTED
    assert near.verdict(comparisons=8) == Verdict.NOT_CONFIRMED


def test_what_is_missing_is_named():
    assert part(1.0).lacks() == "3 seeds (there is 1)"
    assert part(1.0, 1.0, 1.0, missing="pruner snip").verdict() == Verdict.NOT_ENOUGH_DATA


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        (["confirmed", "confirmed"], "confirmed"),
        (["confirmed", "not confirmed"], "not confirmed"),
        (["not confirmed", "not enough data"], "not enough data"),
        (["not enough data", "refuted", "confirmed"], "refuted"),
        ([], "not enough data"),
    ],
)
def test_a_claim_holds_if_all_its_parts_do(verdicts, verdict):
    assert together(map(Verdict, verdicts)) == verdict


@given(
    st.lists(st.floats(0.01, 1e6) | st.just(math.inf), max_size=6),
    st.sampled_from(["factor", "points", "share", "tau"]),
    st.integers(1, 9),
)
def test_no_part_is_both_confirmed_and_refuted(values, unit, comparisons):
    for side in ("at least", "at most"):
        bound = Bound(side, 10.0)
        a_part = part(*values, unit=unit, bound=bound)
        _, low, high = a_part.interval(comparisons)
        assert not (bound.holds(low, high) and bound.fails(low, high))
        assert a_part.verdict(comparisons) in Verdict
        assert np.isnan(low) or low <= high
