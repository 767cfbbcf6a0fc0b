"""The results of a study as a Markdown page for the documentation."""

import json
from pathlib import Path

import pandas as pd

from effective_sparsity.claims.page import page as claims_page
from effective_sparsity.errors import UserError
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.tables import reduced_text
from effective_sparsity.report.content import facts
from effective_sparsity.storage import replacing


def write_results_page(results: Path, page: Path) -> None:
    """Write `page`, and the figures of the study as PNG into `images/<study>/` beside it.

    Args:
        results: folder of a finished study.
        page: Markdown file to write.

    Raises:
        UserError: the study is not finished.
    """
    tables = {name: _table(results, name) for name in ("subnetworks", "claims", "measurements")}
    provenance = json.loads(_existing(results / "tables/provenance.json").read_text())
    study = provenance["study"]["study"]
    images = page.parent / "images" / study
    lines = ["# Results", "", f"Written from the tables of the study `{study}` by", ""]
    lines += [f"    python -m effective_sparsity.report results/{study} docs/{page.name}", ""]
    reduced = reduced_text(tables["subnetworks"])
    if reduced:
        lines += [f"**Not the paper's full setting.** {reduced} Verdicts hold for this setting alone.", ""]
    lines += ["| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in facts(tables["subnetworks"], provenance)]
    lines += ["", claims_page(tables["claims"], tables["measurements"], heading="##"), "## Figures", ""]
    for name, figure in FIGURES.items():
        picture = _existing(results / f"figures/{name}.png").read_bytes()
        with replacing(images / f"{name}.png") as temporary:
            temporary.write_bytes(picture)
        lines += [
            f"### {figure.title}",
            "",
            f"![{figure.title}](images/{study}/{name}.png)",
            "",
            figure.caption,
            "",
        ]
    with replacing(page) as temporary:
        temporary.write_text("\n".join(lines[:-1]) + "\n")


def _table(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(_existing(results / f"tables/{name}.csv"))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path} is missing; run the study to its end first")
    return path
