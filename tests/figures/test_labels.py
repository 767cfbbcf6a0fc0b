import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from effective_sparsity.figures.labels import spread


def test_labels_with_room_stay_where_they_are():
    np.testing.assert_allclose(spread([0.1, 0.5, 0.9], 0.1, 0.0, 1.0), [0.1, 0.5, 0.9])


def test_labels_at_one_place_are_centred_on_it():
    np.testing.assert_allclose(spread([0.5, 0.5, 0.5], 0.1, 0.0, 1.0), [0.4, 0.5, 0.6])


def test_labels_at_the_edge_stay_inside():
    np.testing.assert_allclose(spread([0.0, 0.0], 0.1, 0.0, 1.0), [0.0, 0.1])


def test_labels_without_room_share_what_there_is():
    np.testing.assert_allclose(spread([0.2, 0.2, 0.2], 0.9, 0.0, 1.0), [0.0, 0.5, 1.0])


def test_no_labels_need_no_place():
    assert spread([], 0.1, 0.0, 1.0).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5).map(sorted))
def test_labels_move_as_little_as_a_general_solver_finds(positions):
    gap = 0.15
    found = spread(positions, gap, 0.0, 1.0)
    assert (np.diff(found) >= gap - 1e-9).all() and found[0] >= -1e-9 and found[-1] <= 1 + 1e-9
    start = np.linspace(0, 1, len(positions))
    reference = minimize(
        lambda x: np.sum((x - positions) ** 2),
        start,
        method="SLSQP",
        bounds=[(0, 1)] * len(positions),
        constraints={"type": "ineq", "fun": lambda x: np.append(np.diff(x) - gap, 0.0)},
        options={"ftol": 1e-12},
    )
    assert np.sum((found - positions) ** 2) <= reference.fun + 1e-6
