import doctest

from effective_sparsity.compaction import compacting


def test_the_example_of_the_documentation_runs(root):
    result = doctest.testfile(str(root / "docs/compaction.md"), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


def test_examples_in_docstrings_run():
    result = doctest.testmod(compacting)
    assert result.attempted
    assert result.failed == 0
