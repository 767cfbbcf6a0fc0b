import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from effective_sparsity.training.packed.lanes import (
    ONE_REGISTER,
    Row,
    load,
    load_apart,
    ones,
    store,
    store_apart,
    zeros,
)


@numba.njit
def copy_row(batch, rows):
    store(rows, 1, load(batch, rows, 0))
    store(rows, 2, zeros(batch))
    return batch.size


@numba.njit
def move_apart(row, registers, first, step, target, target_step):
    store_apart(registers, target, target_step, load_apart(row, registers, first, step) + ones(row))
    store(registers, 0, load(ONE_REGISTER, registers, 0) + ones(ONE_REGISTER))


@pytest.mark.parametrize(("size", "width"), [(2, 16), (16, 16), (17, 32), (100, 112)])
def test_rows_are_whole_registers_on_cache_lines(size, width):
    rows = Row(size).rows(3)
    assert rows.shape == (3, width) and rows.dtype == np.float32
    assert rows.ctypes.data % 64 == 0
    assert not rows.any()


@pytest.mark.parametrize("size", [2, 16, 17, 100])
def test_a_row_is_loaded_and_stored_whole(size):
    rows = Row(size).rows(4)
    rows[:] = np.arange(rows.size).reshape(rows.shape)
    expected = rows.copy()
    expected[1], expected[2] = expected[0], 0
    assert copy_row(Row(size), rows) == size
    np.testing.assert_array_equal(rows, expected)


def test_rows_with_gaps_or_of_another_type_are_refused():
    rows = Row(2).rows(6)
    for other in (rows[::2], rows.astype(np.float64), rows[:, 0]):
        with pytest.raises(TypingError, match="C-contiguous float32"):
            copy_row(Row(2), other)


def test_registers_are_loaded_and_stored_apart():
    registers = ONE_REGISTER.rows(20)
    registers[:] = np.arange(registers.size).reshape(registers.shape)
    expected = registers.copy()
    expected[[7, 10, 13, 16]] = expected[[3, 5, 7, 9]] + 1
    expected[0] += 1
    move_apart(Row(4 * 16), registers, 3, 2, 7, 3)
    np.testing.assert_array_equal(registers, expected)
