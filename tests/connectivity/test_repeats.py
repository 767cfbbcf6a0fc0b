"""Equal columns against a comparison of each with each."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from effective_sparsity.connectivity import repeats
from effective_sparsity.connectivity.repeats import distinct, pairs

MATRICES = st.sampled_from(["int8", "int64", "float64"]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(0, 2))
)


@settings(max_examples=30)
@given(MATRICES)
def test_columns_are_of_one_kind_exactly_if_they_are_equal(x):
    first, kinds = distinct(x)
    assert len(first) == len({column.tobytes() for column in np.ascontiguousarray(x.T)})
    assert np.array_equal(x[:, first][:, kinds], x)


def test_columns_of_one_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr(repeats, "_factors", lambda rows: np.zeros(rows, np.int64))
    x = np.array([[0, 1, 0], [0, 1, 0]])
    first, kinds = distinct(x)
    assert np.array_equal(x[:, first][:, kinds], x)
    assert first.tolist() == [0, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1))
def test_pairs_hold_one_column_of_each_combination(columns):
    kinds, others = np.array(columns).T
    found = pairs(kinds, others)
    assert sorted((kinds[i], others[i]) for i in found) == sorted(set(columns))
