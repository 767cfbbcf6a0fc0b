"""Inner loops over matrices of widths. Importing this module imports numba."""

import numpy as np

from effective_sparsity.compiled import compiled

_COLUMNS = 512  # columns of a block of the result: two rows of it and four of B stay in the first-level cache
_DEPTH = 128  # rows of B in a block: stays in the second-level cache
_SPAN = 2048  # length of the pieces of rows whose inner product is taken: two stay in the first-level cache
_ROWS = 32  # rows of B^T in a block of that length: stays in the second-level cache


@compiled(nogil=True)
def outer(a, b, c):
    """C = A B with contiguous A (stack, M, K), B (stack, K, N), C (stack, M, N); vectorised along N."""
    stack, rows, depth = a.shape
    columns = c.shape[2]
    for s in range(stack):
        for left in range(0, columns, _COLUMNS):
            right = min(left + _COLUMNS, columns)
            for top in range(0, depth, _DEPTH):
                bottom = min(top + _DEPTH, depth)
                for m in range(rows):
                    _update_row(a[s, m], b[s], c[s, m, left:right], left, top, bottom, top == 0)


@compiled(nogil=True, inline="always")
def _update_row(a, b, c, left, top, bottom, fresh):
    width = c.shape[0]
    k = top
    if fresh:
        x = a[k]
        row = b[k, left : left + width]
        for n in range(width):
            c[n] = min(x, row[n])
        k += 1
    while k + 4 <= bottom:
        x0, x1, x2, x3 = a[k], a[k + 1], a[k + 2], a[k + 3]
        row0, row1 = b[k, left : left + width], b[k + 1, left : left + width]
        row2, row3 = b[k + 2, left : left + width], b[k + 3, left : left + width]
        for n in range(width):
            best01 = max(min(x0, row0[n]), min(x1, row1[n]))
            best23 = max(min(x2, row2[n]), min(x3, row3[n]))
            c[n] = max(c[n], max(best01, best23))
        k += 4
    while k < bottom:
        x = a[k]
        row = b[k, left : left + width]
        for n in range(width):
            c[n] = max(c[n], min(x, row[n]))
        k += 1


@compiled(nogil=True)
def inner(a, b, c):
    """C = A B^T with contiguous A (stack, M, K), B (stack, N, K), C (stack, M, N); vectorised along K."""
    stack, rows, depth = a.shape
    columns = c.shape[2]
    for s in range(stack):
        for top in range(0, depth, _SPAN):
            bottom = min(top + _SPAN, depth)
            for left in range(0, columns, _ROWS):
                right = min(left + _ROWS, columns)
                for m in range(rows):
                    x = a[s, m, top:bottom]
                    for n in range(left, right):
                        best = _best(x, b[s, n, top:bottom])
                        c[s, m, n] = best if top == 0 else max(c[s, m, n], best)


@compiled(nogil=True, inline="always")
def _best(x, y):
    best = min(x[0], y[0])
    for k in range(1, x.shape[0]):
        best = max(best, min(x[k], y[k]))
    return best


@compiled(nogil=True)
def hashes(x, factors):
    """For each column of x the sum of its elements times the factors of the rows, modulo 2^64.

    The upper halves of the elements go into the lower ones first: multiples of 2^62, such as floating point
    twos, would often cancel out.
    """
    rows, columns = x.shape
    sums = np.zeros(columns, np.int64)
    for row in range(rows):
        factor = factors[row]
        for column in range(columns):
            element = np.int64(x[row, column])
            sums[column] += factor * (element ^ (element >> 32))
    return sums


@compiled(nogil=True)
def repeats(x, first, kinds):
    """Whether each column of x equals column first[kind] of its kind."""
    rows, columns = x.shape
    for row in range(rows):
        for column in range(columns):
            if x[row, column] != x[row, first[kinds[column]]]:
                return False
    return True
