import numba
import numpy as np
import pytest

from effective_sparsity.training.packed.lane_arithmetic import (
    add_products,
    exp,
    fold,
    mask_padding,
    mask_padding_of_block,
    maximum,
    pool,
    spread,
    total,
    where_positive,
)
from effective_sparsity.training.packed.lanes import ONE_REGISTER, REGISTER, Row, load, ones, store, zeros

SIZES = [2, 15, 16, 17, 100]


@numba.njit
def arithmetic(batch, rows):
    a, b = load(batch, rows, 0), load(batch, rows, 1)
    store(rows, 2, a + b)
    store(rows, 3, a - np.float32(2))
    store(rows, 4, np.float32(0.5) * a * b)
    accumulated = zeros(batch)
    for i in range(3):
        accumulated += load(batch, rows, i)
    accumulated *= np.float32(3)
    store(rows, 5, accumulated)
    store(rows, 6, where_positive(a, b))
    return total(a), total(a * b), batch.size


@numba.njit
def softmax_parts(batch, rows):
    a, b = load(batch, rows, 0), load(batch, rows, 1)
    store(rows, 2, maximum(a, b))
    store(rows, 3, exp(a))
    store(rows, 4, a / b)


@numba.njit
def add_one_and_mask(batch, rows):
    store(rows, 0, mask_padding(load(batch, rows, 0) + np.float32(1)))


def filled(size, count=7):
    rows = Row(size).rows(count)
    rows[:2, :size] = np.random.default_rng(size).normal(size=(2, size))
    return rows


@pytest.mark.parametrize("size", SIZES)
def test_lanes_compute_what_arrays_compute(size):
    rows = filled(size)
    a, b = rows[0].copy(), rows[1].copy()
    sums = arithmetic(Row(size), rows)
    np.testing.assert_allclose(sums, [a.sum(dtype=float), (a * b).sum(dtype=float), size], rtol=1e-5)
    expected = [a + b, a - 2, 0.5 * a * b, 3 * (a + b + (a + b)), np.where(a > 0, b, 0)]
    np.testing.assert_allclose(rows[2:], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_softmax_parts_compute_what_arrays_compute(size):
    rows = filled(size)
    rows[0] *= -np.sign(rows[0]) * 20
    a, b = rows[:2, :size].astype(np.float64)
    softmax_parts(Row(size), rows)
    np.testing.assert_array_equal(rows[2, :size], np.maximum(a, b).astype(np.float32))
    np.testing.assert_allclose(rows[3, :size], np.exp(a), rtol=2e-6)
    np.testing.assert_allclose(rows[4, :size], a / b, rtol=1e-6)


def test_the_exponential_is_exact_at_its_ends():
    rows = filled(4)
    rows[0, :4] = [0, -1e-20, -1000, -np.inf]
    softmax_parts(Row(4), rows)
    np.testing.assert_allclose(rows[3, :4], [1, 1, 2.0**-126, 2.0**-126], rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_padding_is_masked(size):
    rows = Row(size).rows(1)
    add_one_and_mask(Row(size), rows)
    np.testing.assert_array_equal(rows[0], np.arange(rows.shape[1]) < size)


def test_nan_is_not_taken_for_a_value_below_zero():
    rows = filled(4)
    rows[0, 1] = np.nan
    rows[1] = rows[0]
    arithmetic(Row(4), rows)
    assert np.isnan(rows[6, 1])
    rows[1] = 1
    softmax_parts(Row(4), rows)
    assert np.isnan(rows[3:5, 1]).all()


@numba.njit
def image_row_arithmetic(row, pooled, registers, width):
    a, b = load(row, registers, 0), load(row, registers, width)
    store(registers, 2 * width, spread(row, pool(pooled, a)))
    store(registers, 3 * width, fold(a))
    store(registers, 3 * width + 1, add_products(load(ONE_REGISTER, registers, 0), a, b))


@pytest.mark.parametrize(("width", "size"), [(1, 1), (2, 2), (3, 1), (6, 2), (10, 2), (9, 3), (28, 2)])
def test_rows_of_an_image_are_pooled_and_summed_as_arrays(width, size):
    registers = ONE_REGISTER.rows(3 * width + 2)
    registers[: 2 * width] = np.random.default_rng(width).normal(size=(2 * width, REGISTER))
    a, b = registers[:width].astype(float), registers[width : 2 * width].astype(float)
    image_row_arithmetic(Row(width * REGISTER), Row(width // size * REGISTER), registers, width)
    pooled = a.reshape(width // size, size, REGISTER).sum(1)
    expected = [np.repeat(pooled, size, 0), a.sum(0)[None], (a[0] + (a * b).sum(0))[None]]
    np.testing.assert_allclose(registers[2 * width :], np.concatenate(expected), rtol=1e-5, atol=1e-5)


@numba.njit
def mask_blocks(batch, row, registers, blocks):
    for block in range(blocks):
        store(registers, 2 * block, mask_padding_of_block(batch, block, ones(row)))


@pytest.mark.parametrize("size", SIZES)
def test_padding_is_masked_in_the_last_block_alone(size):
    blocks = Row(size).width // REGISTER
    registers = ONE_REGISTER.rows(2 * blocks)
    mask_blocks(Row(size), Row(2 * REGISTER), registers, blocks)
    sample = REGISTER * np.arange(blocks)[:, None, None] + np.arange(REGISTER)
    expected = np.broadcast_to(sample < size, (blocks, 2, REGISTER)).reshape(2 * blocks, REGISTER)
    np.testing.assert_array_equal(registers, expected)
