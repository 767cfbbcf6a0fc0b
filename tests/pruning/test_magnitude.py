"""Scores from trained weights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from effective_sparsity.pruning.magnitude import lamp, magnitude


@given(arrays(np.float32, (3, 4), elements=st.floats(-4, 4, width=16)))
def test_lamp_divides_by_the_squares_that_are_no_smaller(weight):
    score = lamp({"w": weight})["w"].reshape(-1)
    flat = weight.reshape(-1).astype(float)
    order = sorted(range(flat.size), key=lambda i: (-abs(flat[i]), i))
    for position, index in enumerate(order):
        total = sum(flat[i] ** 2 for i in order[: position + 1])
        assert np.isclose(score[index], flat[index] ** 2 / total if total else 0)


def test_lamp_of_a_known_layer():
    assert np.allclose(lamp({"w": np.array([3.0, -1.0, 2.0])})["w"], [1, 1 / 14, 4 / 13])


def test_lamp_gives_the_largest_weight_of_each_layer_the_score_one():
    scores = lamp({"a": np.array([1e-3, 2e-3]), "b": np.array([5.0, 4.0])})
    assert scores["a"].max() == scores["b"].max() == 1


def test_magnitude_ignores_the_sign():
    assert magnitude({"w": np.array([-2.0, 1.0])})["w"].tolist() == [2, 1]
