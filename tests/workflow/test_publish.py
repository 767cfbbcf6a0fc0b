"""Publishing a study, and drawing its figures again from what was published."""

import re
import subprocess
import sys

import pandas as pd
import pytest

from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.figures import registry
from effective_sparsity.study.results import Results

# The study has neither random-igq nor controls.
FIGURES = [name for name in registry.FIGURES if name not in ("leaderboard", "pixel_controls")]

pytestmark = pytest.mark.xdist_group("workflow")


@pytest.fixture(scope="module")
def published(finished):
    finished.succeed("publish")
    return finished.folder / "results/reference/tiny"


def draw(results, folder) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "effective_sparsity.figures", str(results), str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_tables_are_published_whole(finished, published):
    results = Results(published)
    names = {path.stem for path in (finished.results / "tables").glob("*.csv")} - {"history"}
    assert set(results.tables) == names
    for name in names:
        pd.testing.assert_frame_equal(
            results.table(name), pd.read_csv(finished.results / f"tables/{name}.csv")
        )
    assert any(path.suffix == ".xz" for path in results.tables.values())
    assert results.study == "tiny"


def test_the_page_shows_claims_and_figures(published):
    text = (published / "README.md").read_text()
    assert "**Not the paper's full setting.** Reduced setting: 5,000 MNIST images" in text
    assert all(claim.criterion in text for claim in CLAIMS.values())
    pictures = re.findall(r"!\[.*\]\((.*)\)", text)
    assert pictures == [f"figures/{name}.svg" for name in FIGURES]
    assert all((published / picture).stat().st_size > 0 for picture in pictures)


def test_figures_follow_from_the_published_tables(published, tmp_path):
    done = draw(published, tmp_path)
    assert done.returncode == 0, done.stderr
    for name in FIGURES:
        assert (tmp_path / f"{name}.svg").read_bytes() == (published / f"figures/{name}.svg").read_bytes()


def test_a_folder_without_a_study_is_named(tmp_path):
    done = draw(tmp_path, tmp_path)
    assert done.returncode == 2
    assert "provenance.json is missing; name the folder of a study that has run" in done.stderr
    assert "Traceback" not in done.stderr
