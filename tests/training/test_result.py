"""Trained networks, in memory and on disk: all that was trained, nothing of what was pruned."""

import math

import numpy as np
import pytest

from effective_sparsity.training.result import (
    HISTORY_COLUMNS,
    UNREACHABLE,
    Trained,
    by_column,
    load_trained,
    save_trained,
)

ROWS = np.array([[25, 1.5, 1.25, 0.5], [50, 1.0, 0.75, 0.875]])


def test_the_last_row_is_the_result_of_a_finished_network():
    network = Trained(state={}, evaluations=by_column(ROWS), status="ok", steps=50)
    assert (network.test_loss, network.test_accuracy) == (0.75, 0.875)


def test_a_diverged_network_has_no_result():
    network = Trained(state={}, evaluations=by_column(ROWS), status="diverged", steps=61)
    assert math.isnan(network.test_loss) and math.isnan(network.test_accuracy)


def test_the_history_has_its_columns_and_whole_steps_even_when_empty():
    for rows in (ROWS, np.empty((0, 4))):
        table = Trained({}, by_column(rows), "ok", 50).history
        assert list(table.columns) == HISTORY_COLUMNS
        assert table["step"].dtype == np.int64


MASKS = {"fc1.weight": np.array([[True, False, True], [False, False, True]])}


@pytest.fixture
def trained() -> Trained:
    return Trained(
        state={
            "fc1.weight": np.array([[0.5, 0, 0], [0, 0, -2]], np.float32),
            "fc1.bias": np.array([1, 2], np.float32),
            "bn1.num_batches_tracked": np.array(7),
        },
        evaluations=by_column(np.array([[5, 0.7, 0.6, 0.8], [10, 0.5, 0.4, 0.9]])),
        status="ok",
        steps=10,
        hardware="some card",
    )


def test_networks_come_back_whole(trained, tmp_path):
    save_trained(tmp_path / "file", trained, MASKS)
    back = load_trained(tmp_path / "file")
    assert back.hardware == "some card"
    assert (back.status, back.steps) == ("ok", 10)
    assert list(back.state) == list(trained.state)
    for name, value in trained.state.items():
        assert back.state[name].dtype == value.dtype
        assert np.array_equal(back.state[name], value)
    assert back.history.equals(trained.history)


def test_a_dense_network_has_no_masks(trained, tmp_path):
    save_trained(tmp_path / "file", trained, {})
    assert np.array_equal(load_trained(tmp_path / "file").state["fc1.weight"], trained.state["fc1.weight"])


def test_a_weight_that_came_back_to_life_is_found_before_it_is_stored(trained, tmp_path):
    trained.state["fc1.weight"][1, 0] = 1e-30
    with pytest.raises(RuntimeError, match=r"weights of fc1\.weight that were pruned are not zero"):
        save_trained(tmp_path / "file", trained, MASKS)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("density", [0.0, 0.001, 0.03, 0.04, 0.5, 1.0])
def test_places_take_a_bit_per_weight_or_four_bytes_per_weight_left(density, tmp_path):
    random = np.random.default_rng(0)
    masks = {"w": random.random((1000, 100, 10)) < density}
    values = random.normal(size=(1000, 100, 10)).astype(np.float32) * masks["w"]
    save_trained(tmp_path / "file", Trained({"w": values}, by_column(np.empty((0, 4))), "ok", 1), masks)
    assert np.array_equal(load_trained(tmp_path / "file").state["w"], values)
    n_left = int(masks["w"].sum())
    least = 4 * n_left + min(1_000_000 / 8, 4 * n_left)
    assert least < (tmp_path / "file").stat().st_size < least + 2_000


def test_levels_out_of_reach_leave_a_file_that_says_so(tmp_path):
    save_trained(tmp_path / "file", UNREACHABLE, {})
    back = load_trained(tmp_path / "file")
    assert (back.status, back.steps, back.state) == ("unreachable", 0, {})
    assert back.history.empty
