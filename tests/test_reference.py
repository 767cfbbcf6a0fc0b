"""The published results: figures and verdicts follow from the tables beside them."""

import io
import re
from pathlib import Path

import pandas as pd
import pytest

from effective_sparsity.claims import TABLES
from effective_sparsity.claims.evidence import Verdict, overall
from effective_sparsity.claims.verdicts import judge
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.save import save
from effective_sparsity.study.results import Results

REFERENCE = Path(__file__).parent.parent / "results/reference"
STUDIES = sorted(path.name for path in REFERENCE.iterdir() if path.is_dir())
DRAWN = [
    (study, path.stem) for study in STUDIES for path in sorted((REFERENCE / study).glob("figures/*.svg"))
]


@pytest.mark.parametrize(("study", "figure"), DRAWN)
def test_figures_follow_from_the_tables(study, figure, tmp_path):
    results = Results(REFERENCE / study)
    save(
        *FIGURES[figure].draw({name: results.table(name) for name in FIGURES[figure].tables}),
        tmp_path / figure,
    )
    drawn = (tmp_path / f"{figure}.svg").read_bytes()
    assert drawn == (REFERENCE / study / f"figures/{figure}.svg").read_bytes()


@pytest.mark.parametrize(
    "study", [study for study in STUDIES if (REFERENCE / study / "tables/claims.csv").is_file()]
)
def test_verdicts_follow_from_the_tables(study):
    results = Results(REFERENCE / study)
    claims, measurements = judge({name: results.table(name) for name in TABLES}, results.study)
    for name, table in {"claims": claims, "measurements": measurements}.items():
        as_read = pd.read_csv(io.StringIO(table.to_csv(index=False)))
        pd.testing.assert_frame_equal(as_read, results.table(name))


def test_the_readme_tells_the_verdicts():
    """Those of the study at full length; for parts that it left undecided, those of the follow-ups."""
    text = (REFERENCE.parents[1] / "README.md").read_text()
    told = re.findall(r"^\| (\d) \| .+ \| \*\*(.+?)\*\* \|$", text, re.MULTILINE)
    confirmation = Results(REFERENCE / "confirmation")
    found = {row.claim: row.verdict for row in confirmation.table("claims").itertuples()}
    found[7] = str(overall(list(_with_follow_ups(confirmation, claim=7).values())))
    assert told == [(str(claim), verdict) for claim, verdict in found.items()]


def _with_follow_ups(confirmation, claim):
    """The verdict on each primary part of a claim."""
    verdicts = {}
    for results in (confirmation, Results(REFERENCE / "quotas"), Results(REFERENCE / "magnitude-quotas")):
        table = results.table("measurements")
        for row in table[(table.claim == claim) & (table.role == "primary")].itertuples():
            open_until_now = verdicts.get(row.label) == Verdict.UNDECIDED
            if row.label not in verdicts or (
                open_until_now and row.verdict in (Verdict.CONFIRMED, Verdict.REFUTED)
            ):
                verdicts[row.label] = Verdict(row.verdict)
    return verdicts


def test_published_results_are_small():
    assert sum(path.stat().st_size for path in REFERENCE.rglob("*") if path.is_file()) < 15_000_000
