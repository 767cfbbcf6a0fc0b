import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from effective_sparsity.figures.statistics import (
    half_width,
    holm,
    jackknife,
    median_over_seeds,
    over_seeds,
    p_value,
)


def test_the_interval_of_three_values_uses_students_t():
    # Standard error of 1, 2, 3 is 1 / sqrt(3); t(0.975, 2 degrees of freedom) = 4.302653.
    assert math.isclose(half_width(pd.Series([1.0, 2.0, 3.0])), 4.302653 / math.sqrt(3), rel_tol=1e-6)


def test_each_group_has_its_mean_and_students_interval():
    rows = pd.DataFrame({"a": list("xyxyx"), "v": [1.0, 5.0, 2.0, 5.0, 3.0]})
    x, y = over_seeds(rows, ["a"], "v").itertuples()
    half = 4.302653 / math.sqrt(3)
    assert (x.mean, x.low, x.high, x.seeds) == pytest.approx((2, 2 - half, 2 + half, 3))
    assert (y.mean, y.low, y.high, y.seeds) == (5, 5, 5, 2)


def test_one_seed_has_no_interval():
    (row,) = over_seeds(pd.DataFrame({"a": ["x"], "v": [0.5]}), ["a"], "v").itertuples()
    assert (row.mean, row.seeds) == (0.5, 1)
    assert math.isnan(row.low) and math.isnan(row.high)


def test_empty_values_do_not_count_as_seeds():
    rows = pd.DataFrame({"a": ["x", "x", "x", "y"], "v": [0.4, 0.6, np.nan, np.nan]})
    (row,) = over_seeds(rows, ["a"], "v").itertuples()
    assert (row.a, row.mean, row.seeds) == ("x", 0.5, 2)


def test_an_infinite_value_is_larger_than_all_others():
    rows = pd.DataFrame({"a": list("xxxyyy"), "v": [1.0, 2.0, np.inf, 1.0, np.inf, np.inf]})
    found = median_over_seeds(rows, ["a"], "v")
    assert found["median"].tolist() == [2.0, np.inf]
    assert found.low.tolist() == [1.0, 1.0]
    assert found.high.tolist() == [np.inf, np.inf]


def test_jackknife_of_a_mean_is_the_values_and_of_a_variance_is_unbiased():
    values = [1.0, 4.0, 9.0, 16.0]
    assert jackknife(np.mean, values) == pytest.approx(values)
    assert np.mean(jackknife(np.var, values)) == pytest.approx(np.var(values, ddof=1))


def test_p_values_are_those_of_scipy():
    values = pd.Series([0.3, 0.1, 0.5, -0.2])
    assert p_value(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert p_value(pd.Series([2.0, 2.0])) == 0


def test_holm_divides_the_rate_by_the_tests_that_are_left_until_one_fails():
    assert holm({"a": 0.04, "b": 0.01, "c": 0.02}) == pytest.approx({"b": 0.05 / 3, "c": 0.025, "a": 0.05})
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03}) == pytest.approx({"b": 0.05 / 3, "c": 0.025, "a": 0.025})
