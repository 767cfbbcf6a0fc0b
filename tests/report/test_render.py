"""The page, without a browser; tests/workflow opens it in one."""

import re

import pandas as pd
import pytest

from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.claims.verdicts import judge
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.report.render import render

WHERE = {"architecture": "lenet-300-100", "dataset": "mnist"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="100pt" height="50pt"/>'


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    row = WHERE | {"reduced": float("nan"), "pruner": "<b>new</b>", "criterion": "direct", "seed": 0}
    row |= {"target_compression": 10.0, "n_weights": 100, "n_kept": 10, "n_active": 8, "status": "ok"}
    row |= {"direct_compression": 10.0, "effective_compression": 12.5, "test_accuracy": 0.9}
    cost = WHERE | {"stage": "rank", "pruner": "<b>new</b>", "seed": 0, "jobs": 1, "seconds": 1.0}
    tables = {
        "subnetworks": pd.DataFrame([row]),
        "dense": pd.DataFrame([row | {"steps": 5, "test_loss": 0.1}]),
        "layers": pd.DataFrame([row | {"layer": "fc1.weight"}]),
        "curves": pd.DataFrame([row]),
        "costs": pd.DataFrame([cost | {"cpu_seconds": 1.0, "max_rss_mb": 9.0}]),
    }
    tables["claims"], tables["measurements"] = judge(tables, "study")
    return tables


def test_claims_figures_tables_and_versions_are_on_the_page(tables):
    page = render("study", tables, {"costs": SVG}, {"packages": {"torch": "2.14.1"}, "python": "3.11.7"})
    assert all(f'id="claim-{number}"' in page for number in CLAIMS)
    assert FIGURES["costs"].title in page
    assert page.count("<tr><td") > 3
    assert "2.14.1" in page


def test_names_are_shown_and_never_run(tables):
    page = render("<script>alert(1)</script>", tables, {}, {})
    assert "<script>alert" not in page
    assert "<b>new</b>" not in page
    assert "&lt;b&gt;new&lt;/b&gt;" in page


def test_a_study_at_full_scale_is_not_called_reduced(tables):
    assert not re.search(r"full setting|\(reduced\)|Reduced setting", render("study", tables, {}, {}))


def test_figures_keep_their_proportions(tables):
    page = render("study", tables, {"costs": SVG}, {})
    assert re.search(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="[^"]+" width="180">', page)


def test_a_study_without_rows_has_a_report(tables):
    empty = {name: table.iloc[:0] for name, table in tables.items()}
    empty["claims"], empty["measurements"] = judge(empty, "study")
    assert "not enough data" in render("study", empty, {}, {})


def test_a_closed_claim_shows_values_and_bounds(tables):
    page = render("study", tables, {}, {})
    (closed,) = re.findall(r'id="claim-2">\s*<summary>(.*?)</summary>', page, re.DOTALL)
    assert "no discrepancy" in closed
    assert "required: at most 1.010 x" in closed


def test_figures_have_their_caption_as_text(tables):
    page = render("study", tables, {"costs": SVG}, {})
    caption = FIGURES["costs"].caption.replace("`", "")
    assert f'alt="{FIGURES["costs"].title}. {caption}"' in page
