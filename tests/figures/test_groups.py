from itertools import combinations

import hypothesis.strategies as st
import numpy as np
import pandas as pd
from hypothesis import given, settings
from scipy import stats

from effective_sparsity.figures.groups import letters, told_apart

NAMES = "uvwxyz"


def pair(a: str, b: str) -> frozenset[str]:
    return frozenset((a, b))


def shared(display: dict[str, str], a: str, b: str) -> bool:
    return bool(set(display[a]) & set(display[b]))


@given(st.integers(2, 6), st.integers(0, 1000))
def test_pairs_are_told_apart_by_paired_t_tests_from_the_smallest_p_value_on(n, seed):
    random = np.random.default_rng(seed)
    values = pd.DataFrame(random.normal([3.0, 3.0, 0.0, 9.0][: min(n, 4)], 1.0, (6, min(n, 4))))
    values.columns = list(NAMES[: min(n, 4)])
    values.iloc[0, 0] = np.nan
    p_values = sorted(
        (stats.ttest_rel(values[a], values[b], nan_policy="omit").pvalue, pair(a, b))
        for a, b in combinations(values, 2)
    )
    expected = set()
    for rank, (p, both) in enumerate(p_values):
        if p >= 0.05 / (len(p_values) - rank):
            break
        expected.add(both)
    assert told_apart(values) == expected


def test_seeds_in_common_are_needed_and_equal_networks_are_not_told_apart():
    far = pd.DataFrame(
        {"u": [0.0, 0.1, 0.0, 0.1], "v": [9.0, 9.0, np.nan, np.nan], "w": [0.0, 0.1, 0.0, 0.1]}
    )
    assert told_apart(far) == set()
    assert told_apart(far.fillna(9.0)) == {pair("u", "v"), pair("v", "w")}


@settings(max_examples=200)
@given(st.sets(st.sampled_from([pair(*both) for both in combinations(NAMES, 2)])))
def test_two_share_a_letter_if_and_only_if_they_are_not_told_apart(apart):
    display = letters(NAMES, apart)
    for a, b in combinations(NAMES, 2):
        assert shared(display, a, b) == (pair(a, b) not in apart)
    assert display["u"].startswith("a")
    assert all(list(found) == sorted(found) and found for found in display.values())


@given(st.sets(st.sampled_from([pair(*both) for both in combinations(NAMES, 2)])))
def test_no_letter_can_be_left_out(apart):
    display = letters(NAMES, apart)
    for letter in set("".join(display.values())):
        less = {name: found.replace(letter, "") for name, found in display.items()}
        lost = [both for both in combinations(NAMES, 2) if shared(display, *both) != shared(less, *both)]
        assert lost or not all(less.values())


def test_the_letters_of_a_chain():
    assert letters("uvw", {pair("u", "w")}) == {"u": "a", "v": "ab", "w": "b"}
    assert letters("uvw", set()) == dict.fromkeys("uvw", "a")
    # Of the four groups uv, vw, wx and ux of a ring all are needed.
    ring = letters("uvwx", {pair("u", "w"), pair("v", "x")})
    assert ring == {"u": "ab", "v": "ac", "w": "cd", "x": "bd"}
