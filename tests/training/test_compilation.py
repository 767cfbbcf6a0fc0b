import os
import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
from effective_sparsity.training.compilation import compile_alone
from module import scale

array = np.ones(3, sys.argv[1])
compile_alone(scale, array)
sys.exit(not (scale.signatures and scale(array).tolist() == [2, 2, 2] and scale(array).dtype == array.dtype))
"""
MODULE = """
import numba

@numba.njit(cache=True)
def scale(array):
    return array + array
"""


def test_processes_that_start_together_all_get_their_own_version(tmp_path):
    (tmp_path / "module.py").write_text(MODULE)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run_together(dtypes):
        command = [sys.executable, "-c", SCRIPT]
        processes = [subprocess.Popen([*command, dtype], env=environment) for dtype in dtypes]
        return [process.wait() for process in processes]

    assert run_together(["float32", "float64", "int64"]) == [0, 0, 0]
    assert len(list(tmp_path.glob("cache/*/*.nbc"))) == 3
    assert run_together(["float32", "float64", "int64"]) == [0, 0, 0]
