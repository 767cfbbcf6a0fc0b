import math

import numpy as np

from effective_sparsity.training.result import HISTORY_COLUMNS, Trained, history_table

ROWS = np.array([[25, 1.5, 1.25, 0.5], [50, 1.0, 0.75, 0.875]])


def test_the_last_row_is_the_result_of_a_finished_network():
    network = Trained(state={}, history=history_table(ROWS), status="ok", steps=50)
    assert (network.test_loss, network.test_accuracy) == (0.75, 0.875)


def test_a_diverged_network_has_no_result():
    network = Trained(state={}, history=history_table(ROWS), status="diverged", steps=61)
    assert math.isnan(network.test_loss) and math.isnan(network.test_accuracy)


def test_the_history_has_its_columns_and_whole_steps_even_when_empty():
    for rows in (ROWS, np.empty((0, 4))):
        table = history_table(rows)
        assert list(table.columns) == HISTORY_COLUMNS
        assert table["step"].dtype == np.int64
