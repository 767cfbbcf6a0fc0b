import doctest
import importlib.util

import pandas as pd

from effective_sparsity.compaction import compacting


def test_the_example_of_the_documentation_runs(root):
    result = doctest.testfile(str(root / "docs/compaction.md"), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


def test_the_tables_of_the_documentation_are_the_published_ones(root):
    spec = importlib.util.spec_from_file_location("figure", root / "benchmarks/compaction_figure.py")
    figure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figure)
    published = root / "results/reference/compaction"
    tables = [pd.read_csv(published / f"{name}.csv") for name in ("compaction", "training")]
    document = (root / "docs/compaction.md").read_text()
    assert figure.filled(document, *tables) == document
    networks = tuple(f"| {name}, " for name in figure.NETWORKS.values())
    assert sum(line.startswith(networks) for line in document.splitlines()) == sum(map(len, tables))


def test_examples_in_docstrings_run():
    result = doctest.testmod(compacting)
    assert result.attempted
    assert result.failed == 0
