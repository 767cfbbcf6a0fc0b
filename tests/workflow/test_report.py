"""The report of a finished study, opened in a browser as its reader opens it."""

import base64
import io
import json
import re
import shutil
import subprocess

import pandas as pd
import pytest
from PIL import Image

from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.figures import registry

# The study has neither random-igq nor controls.
FIGURES = [name for name in registry.FIGURES if name not in ("leaderboard", "pixel_controls")]

pytestmark = pytest.mark.xdist_group("workflow")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium here; `apt-get install chromium` brings it"
)


def browse(page, tmp_path, *arguments: str, width: int = 1200) -> subprocess.CompletedProcess:
    """Open a page in headless Chromium that reaches no network."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000",
        f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1600", *arguments, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture(scope="module")
def report(finished):
    return finished.results / "report.html"


@pytest.fixture(scope="module")
def seen(root, report, tmp_path_factory) -> dict:
    """What the probe found, and messages of the console."""
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "report.html"
    probe = (root / "tests/workflow/report_probe.js").read_text()
    page.write_text(f"{report.read_text()}<script>{probe}</script>")
    done = browse(page, folder, "--dump-dom")
    (encoded,) = re.findall(r'<pre id="probe">([^<]*)</pre>', done.stdout)
    return json.loads(base64.b64decode(encoded)) | {"console": re.findall(r".*CONSOLE.*", done.stderr)}


@needs_chromium
def test_every_figure_is_drawn(seen):
    assert set(seen["figures"]) == {f"figure-{name}" for name in FIGURES}
    assert all(width > 100 for width in seen["figures"].values())


@needs_chromium
def test_every_claim_and_every_table_is_there(seen):
    assert seen["claims"] == len(CLAIMS)
    # 4 pruners, 2 criteria, 2 levels; 1 dense network; 5 steps.
    assert seen["tables"] == {"table-subnetworks": 16, "table-dense": 1, "table-costs": 5}


@needs_chromium
def test_tables_sort_and_filter(seen):
    assert len(seen["ascending"]) == 16
    assert seen["ascending"] == sorted(seen["ascending"])
    assert seen["descending"] == sorted(seen["ascending"], reverse=True)
    # SynFlow itself, and random pruning with its quotas.
    assert len(seen["filtered"]) == 4
    assert all("SynFlow" in row and "effective" in row for row in seen["filtered"])


@needs_chromium
def test_the_rows_shown_can_be_downloaded(seen):
    table = pd.read_csv(io.StringIO(seen["csv"]))
    assert len(table) == 4
    assert set(table["Pruning"]) == {"effective"}
    assert sorted(table["Target"]) == [10, 10, 2000, 2000]


@needs_chromium
def test_paper_shows_every_claim(seen):
    assert seen["printed"] == len(CLAIMS)


@needs_chromium
def test_the_browser_has_nothing_to_complain_about(seen):
    assert (seen["errors"], seen["console"]) == ([], [])


@needs_chromium
def test_the_page_is_no_wider_than_the_screen(seen):
    assert seen["overflow"] <= 0


@needs_chromium
@pytest.mark.parametrize("width", [500, 1200])
def test_a_screenshot_can_be_taken(report, tmp_path, width):
    picture = tmp_path / "report.png"
    browse(report, tmp_path, f"--screenshot={picture}", "--hide-scrollbars", width=width)
    image = Image.open(picture).convert("RGB")
    assert image.width == width
    assert len(image.getcolors(maxcolors=1 << 24)) > 50


def test_the_report_needs_nothing_else_and_is_small(report):
    text = report.read_text()
    assert report.stat().st_size < 15e6
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", text)
    assert not re.findall(r"@import|url\(", text)


def test_the_report_says_that_the_study_is_reduced(report):
    assert "Not the paper's full setting" in report.read_text()
