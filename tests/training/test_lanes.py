import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from effective_sparsity.training.lanes import Batch, load, store, zeros


@numba.njit
def copy_row(batch, rows):
    store(rows, 1, load(batch, rows, 0))
    store(rows, 2, zeros(batch))
    return batch.size


@pytest.mark.parametrize(("size", "width"), [(2, 16), (16, 16), (17, 32), (100, 112)])
def test_rows_are_whole_registers_on_cache_lines(size, width):
    rows = Batch(size).rows(3)
    assert rows.shape == (3, width) and rows.dtype == np.float32
    assert rows.ctypes.data % 64 == 0
    assert not rows.any()


@pytest.mark.parametrize("size", [2, 16, 17, 100])
def test_a_row_is_loaded_and_stored_whole(size):
    rows = Batch(size).rows(4)
    rows[:] = np.arange(rows.size).reshape(rows.shape)
    expected = rows.copy()
    expected[1], expected[2] = expected[0], 0
    assert copy_row(Batch(size), rows) == size
    np.testing.assert_array_equal(rows, expected)


def test_rows_with_gaps_or_of_another_type_are_refused():
    rows = Batch(2).rows(6)
    for other in (rows[::2], rows.astype(np.float64), rows[:, 0]):
        with pytest.raises(TypingError, match="C-contiguous float32"):
            copy_row(Batch(2), other)
