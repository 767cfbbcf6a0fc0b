"""The page about coverage follows from the published table."""

import importlib.util

import pandas as pd


def test_the_summary_follows_from_the_table(root):
    spec = importlib.util.spec_from_file_location("model_coverage", root / "benchmarks/model_coverage.py")
    model_coverage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model_coverage)
    table = pd.read_csv(root / "results/reference/coverage/coverage.csv")
    page = (root / "docs/coverage.md").read_text()
    assert f"<!-- summary -->\n{model_coverage.summary(table)}<!-- end -->" in page
