"""Numbers in documents are those of the published tables."""

import json

import pandas as pd
import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.report.documents import filled

DOCUMENTS = ["README.md", "docs/results.md", "docs/claims.md", "docs/leaderboard.md"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_say_what_the_tables_say(root, document):
    text = (root / document).read_text()
    assert filled(text, root / "results/reference") == text


@pytest.fixture
def reference(tmp_path):
    """A study of two pruners and two seeds at one level, and a measurement."""
    accuracies = {("snip", 0): 0.75, ("snip", 1): 0.85, ("random-igq", 0): 0.5, ("random-igq", 1): 0.61}
    rows = [
        {"architecture": "lenet-300-100", "dataset": "mnist", "pruner": pruner, "criterion": criterion}
        | {"seed": seed, "target_compression": 1000.0, "n_kept": 200, "n_active": 50 * seed}
        | {"status": "ok", "test_accuracy": accuracy, "reduced": ""}
        for (pruner, seed), accuracy in accuracies.items()
        for criterion in ("direct", "effective")
    ]
    part = {"claim": 6, "architecture": "lenet-300-100", "dataset": "mnist", "role": "primary", "seeds": 2}
    part |= {"label": "as good as snip", "quantity": "q", "unit": "points", "side": "at least", "bound": -1.0}
    part |= {"value": -24.5, "low": -25.25, "high": -23.75, "verdict": "refuted", "seeds_needed": None}
    tables = tmp_path / "s/tables"
    tables.mkdir(parents=True)
    columns = ["study", "direct_compression", "effective_compression", "n_weights", "steps", "test_loss"]
    pd.DataFrame(rows).assign(**dict.fromkeys(columns, 1)).to_csv(tables / "subnetworks.csv", index=False)
    pd.DataFrame([part]).assign(missing="", reduced="").to_csv(tables / "measurements.csv", index=False)
    (tables / "provenance.json").write_text(json.dumps({"study": {"study": "s"}}))
    return tmp_path


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("accuracy snip effective 1000", "80.0"),
        ("spread snip effective 1000", "7.1"),
        ("lead snip random-igq effective 1000", "24.5"),
        ("networks", "8"),
        ("networks snip", "4"),
        ("seeds snip direct 1000", "2"),
        ("factor snip 1000", "8.00"),
        ("connected snip 1000", "50"),
        ("largest_inactive snip 100", "100.0"),
        ("value 6 as good as snip", "-24.50"),
        ("low 6 as good as snip", "-25.25"),
        ("high 6 as good as snip", "-23.75"),
    ],
)
def test_numbers_are_computed_from_the_tables(reference, query, value):
    text = f"a wrong 1,234.5<!-- s: {query} --> here"
    assert filled(text, reference) == f"a wrong {value}<!-- s: {query} --> here"


def test_tables_are_made_anew(reference):
    text = "<!-- table s: accuracies 1000 -->\nold\n<!-- end -->\n<!-- table s: parts 6 -->\n<!-- end -->"
    lines = filled(text, reference).splitlines()
    assert lines[1] == "| | direct, 1,000 | effective, 1,000 |"
    assert lines[3] == "| SNIP | 80.0 | 80.0 |"
    assert (
        "| as good as snip | -24.50 points (-25.25 to -23.75; 2 seeds) | at least -1.00 points | refuted |"
        in lines
    )


def test_means_have_the_half_width_of_their_interval(reference):
    text = "<!-- table s: intervals effective 1000 -->\n<!-- end -->"
    # Of two values: 12.706, the t quantile, times half their difference.
    assert "| SNIP | 80.0 ± 63.5 |" in filled(text, reference)


def test_differences_are_paired_by_seed(reference):
    text = "<!-- table s: differences snip random-igq -->\n<!-- end -->"
    assert "| 1,000 | +24.5 |" in filled(text, reference)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("acuracy snip effective 1000", "unknown function acuracy"),
        ("value 6 nothing", "has no part 'nothing'"),
    ],
)
def test_a_comment_that_names_nothing_is_one_line(reference, query, message):
    with pytest.raises(UserError, match=message):
        filled(f"1<!-- s: {query} -->", reference)
