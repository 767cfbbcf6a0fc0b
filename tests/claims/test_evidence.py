import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from effective_sparsity.claims.evidence import Bound, Part, Verdict, decide, overall

AT_LEAST_ONE = Bound("at least", 1.0)


def part(*values: float, bound: Bound = AT_LEAST_ONE, unit="points", missing="") -> Part:
    return Part("label", "quantity", unit, bound, values, missing)


def verdicts(*parts: Part) -> list[str]:
    return [str(decision.verdict) for decision in decide(parts)]


def test_the_interval_of_a_single_part_is_students():
    # Mean 2, standard error 1 / sqrt(3), quantile 4.302653 for two degrees of freedom.
    (decision,) = decide([part(1, 2, 3)])
    expected = (2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5)
    assert (decision.value, decision.low, decision.high) == pytest.approx(expected, abs=1e-5)


def test_factors_are_averaged_as_logarithms():
    (decision,) = decide([part(1, 10, 100, unit="factor")])
    assert decision.value == pytest.approx(10)
    assert decision.low * decision.high == pytest.approx(100)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((2.0, 2.1, 2.2), "confirmed"),
        ((1.0, 1.0, 1.0), "confirmed"),
        ((0.5, 2.0, 3.0), "undecided"),
        ((0.1, 0.2, 0.1), "refuted"),
        ((0.5, 0.5, 0.5), "refuted"),
        ((9.0, 9.0), "not enough data"),
        ((), "not enough data"),
    ],
)
def test_verdicts(values, verdict):
    assert verdicts(part(*values)) == [verdict]


def test_holm_rejects_step_by_step():
    """p values 0.01, 0.02 and 0.04 pass 0.05 / 3, 0.05 / 2 and 0.05; 0.03 in second place fails 0.05 / 2."""

    def with_p_value(p: float) -> Part:
        base = np.array([-1.0, 0.0, 1.0, 2.0, -2.0])
        shift = stats.t.isf(p / 2, len(base) - 1) * stats.sem(base)
        return part(*(1.0 + base + shift))

    assert verdicts(*map(with_p_value, (0.04, 0.01, 0.02))) == ["confirmed"] * 3
    assert verdicts(*map(with_p_value, (0.04, 0.01, 0.03))) == ["undecided", "confirmed", "undecided"]
    assert verdicts(*map(with_p_value, (0.018, 0.018, 0.018))) == ["undecided"] * 3


def test_the_correction_is_the_same_in_both_directions():
    high, low = part(1.2, 1.4, 1.7), part(0.8, 0.6, 0.3)
    alone = verdicts(high) + verdicts(low)
    assert alone == ["confirmed", "refuted"] or alone == ["undecided", "undecided"]
    many = [part(1.0, 2.0, 0.0)] * 8
    one, other = decide([high, *many])[0], decide([low, *many])[0]
    assert one.low - 1 == pytest.approx(1 - other.high)
    assert {one.verdict, other.verdict} == {Verdict.UNDECIDED}


def test_an_undecided_part_says_how_many_seeds_it_would_take():
    values = [0.0, 1.0, 2.0, 3.0, 0.5, 2.5]
    (decision,) = decide([part(*values)])
    assert decision.verdict == Verdict.UNDECIDED
    n, effect, spread = decision.seeds_needed, np.mean(values) - 1, np.std(values, ddof=1)

    def power(n):
        return stats.nct.sf(stats.t.isf(0.025, n - 1), n - 1, effect / spread * n**0.5)

    assert power(n) == pytest.approx(0.9, abs=0.02)
    assert power(n - 3) < 0.9

    def detectable(n):
        return (stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.9, n - 1)) * spread / n**0.5

    assert detectable(n) <= effect < detectable(n - 1)
    assert math.isinf(decide([part(0.0, 2.0, 1.0)])[0].seeds_needed)  # the mean is the bound


def test_what_is_missing_is_named():
    assert part(1.0).lacks == "3 seeds (there is 1)"
    assert verdicts(part(1.0, 1.0, 1.0, missing="pruner snip")) == ["not enough data"]


@pytest.mark.parametrize(
    ("found", "verdict", "if_any_suffices"),
    [
        (["confirmed", "confirmed"], "confirmed", "confirmed"),
        (["confirmed", "undecided"], "undecided", "confirmed"),
        (["refuted", "undecided"], "refuted", "undecided"),
        (["refuted", "confirmed", "undecided"], "in part", "confirmed"),
        (["refuted", "refuted"], "refuted", "refuted"),
        (["undecided", "not enough data"], "not enough data", "not enough data"),
        (["not enough data", "refuted"], "not enough data", "not enough data"),
        ([], "not enough data", "not enough data"),
    ],
)
def test_the_verdict_on_a_claim_follows_from_its_parts(found, verdict, if_any_suffices):
    found = [Verdict(name) for name in found]
    assert overall(found) == verdict
    assert overall(found, any_suffices=True) == if_any_suffices


finite = st.floats(0.01, 1e6)


@given(
    st.lists(st.lists(finite, max_size=6), max_size=6),
    st.sampled_from(["factor", "points", "share", "tau"]),
    st.sampled_from(["at least", "at most"]),
)
def test_a_part_is_undecided_exactly_where_its_interval_contains_the_bound(rows, unit, side):
    parts = [part(*values, unit=unit, bound=Bound(side, 10.0)) for values in rows]
    for decision in decide(parts):
        if decision.verdict == Verdict.NOT_ENOUGH_DATA:
            assert len(decision.part.values) < 3
            continue
        assert decision.low <= decision.high
        inside = decision.low < 10 < decision.high
        assert (
            (decision.verdict == Verdict.UNDECIDED) == inside
            or math.isclose(10, decision.low, rel_tol=1e-9)
            or math.isclose(10, decision.high, rel_tol=1e-9)
        )
