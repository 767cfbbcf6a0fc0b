"""Compiled functions, shared by processes through numba's cache."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

from effective_sparsity.compiled import compiled

SCRIPT = """
import sys
import numpy as np
from module import total

array = np.asarray(np.arange(12.0).reshape(3, 4), order=sys.argv[1], dtype=sys.argv[2])
sys.exit(total(array) != 164)
"""
MODULE = """
from effective_sparsity.compiled import compiled

@compiled()
def total(array):
    result = array[0, 0]
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            result += (i + 1) * array[i, j]
    return result
"""
CASES = [("C", "float64"), ("F", "float64"), ("C", "int8"), ("C", "float32")]


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    (tmp_path / "kernel_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda: importlib.reload(importlib.import_module("kernel_of_a_test")).total
    sys.modules.pop("kernel_of_a_test", None)


def test_processes_that_start_together_all_get_their_own_version(tmp_path):
    (tmp_path / "module.py").write_text(MODULE)
    environment = os.environ | {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{tmp_path}"}
    for _ in range(2):
        processes = [
            subprocess.Popen([sys.executable, "-c", SCRIPT, *case], env=environment) for case in CASES
        ]
        assert [process.wait() for process in processes] == [0] * len(CASES)
    assert len(list(tmp_path.glob("__pycache__/*.nbc"))) == len(CASES)


def test_no_version_replaces_another_that_is_written_at_the_same_time(kernel, monkeypatch):
    """Two processes find the cache empty; one then saves all while the other is about to write its code.

    Numba itself would leave the code for one order in memory under the name of the other: 150 instead of 164.
    """
    array = np.arange(12.0).reshape(3, 4)
    slow, fast = kernel(), kernel()
    write = slow._cache._cache_file._save_data

    def write_last(name, data):
        fast(np.asfortranarray(array))
        write(name, data)

    monkeypatch.setattr(slow._cache._cache_file, "_save_data", write_last)
    monkeypatch.setattr(fast._cache._cache_file, "_load_index", dict)
    slow(array)
    fresh = kernel()
    assert fresh(np.asfortranarray(array)) == fresh(array) == 164
    assert fresh.stats.cache_hits.total() >= 1


def test_a_compiled_function_is_read_from_the_cache(kernel):
    first, second = kernel(), kernel()
    first(np.ones((2, 2)))
    second(np.ones((2, 2)))
    assert first.stats.cache_misses.total() == second.stats.cache_hits.total() == 1


def test_options_reach_numba():
    assert compiled(fastmath=True)(lambda x: x).targetoptions["fastmath"]
