"""The page of results that the documentation shows."""

import re
import subprocess
import sys

import pytest

from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.figures.registry import FIGURES

pytestmark = pytest.mark.xdist_group("workflow")


def write(results, page) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "effective_sparsity.report", str(results), str(page)]
    return subprocess.run(command, capture_output=True, text=True)


def test_claims_and_figures_of_a_study_become_a_page(finished, tmp_path):
    page = tmp_path / "results.md"
    done = write(finished.results, page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "**Not the paper's full setting.** Reduced setting: 5,000 MNIST images" in text
    assert all(claim.criterion in text for claim in CLAIMS.values())
    pictures = re.findall(r"!\[.*\]\((.*)\)", text)
    assert pictures == [f"images/tiny/{name}.png" for name in FIGURES]
    assert all((tmp_path / picture).stat().st_size > 0 for picture in pictures)


def test_a_study_that_is_not_finished_is_named(tmp_path):
    done = write(tmp_path, tmp_path / "results.md")
    assert done.returncode == 2
    assert "subnetworks.csv is missing; run the study to its end first" in done.stderr
    assert "Traceback" not in done.stderr
