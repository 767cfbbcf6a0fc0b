import doctest
from pathlib import Path

import pandas as pd
import torch

from effective_sparsity.connectivity import curves, network, report, tensors

PAGE = Path(__file__).parents[2] / "docs" / "effective-sparsity.md"


def test_worked_example_of_the_documentation_runs():
    with pd.option_context("display.width", 120):
        result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 20
    assert result.failed == 0


def test_examples_in_docstrings_run():
    for module in (curves, network, report, tensors):
        result = doctest.testmod(
            module, extraglobs={"torch": torch}, optionflags=doctest.NORMALIZE_WHITESPACE
        )
        assert result.attempted
        assert result.failed == 0
