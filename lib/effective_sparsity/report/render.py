"""The report as one HTML file."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path

import jinja2
import pandas as pd

from effective_sparsity.claims.page import (
    EXPLANATION,
    estimate,
    measured,
    network,
    part_verdict,
    parts_of,
    required,
)
from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.tables import Tables, reduced_text, with_blanks
from effective_sparsity.report import content

_FOLDER = Path(__file__).parent

# Makes the small print of a figure as large as that of the page.
_PIXELS_PER_POINT = 1.8

# A claim with more primary parts than this counts those that are confirmed instead of listing them.
_PARTS_SHOWN = 6


def render(study: str, tables: Tables, figures: Mapping[str, bytes], provenance: Mapping) -> str:
    """HTML without references to anything outside it.

    Args:
        study: its name.
        tables: subnetworks, dense, costs, claims and measurements of the study.
        figures: SVG of each figure, by its name in `figures.registry.FIGURES`.
        provenance: what `study.provenance` wrote.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for text in (estimate, measured, required, part_verdict):
        environment.filters[text.__name__] = text
    subnetworks, claims = tables["subnetworks"], with_blanks(tables["claims"])
    measurements = with_blanks(tables["measurements"])
    shown = [content.subnetworks(subnetworks), content.dense(tables["dense"]), content.costs(tables["costs"])]
    return environment.get_template("page.html").render(
        study=study,
        style=(_FOLDER / "style.css").read_text(),
        script=(_FOLDER / "tables.js").read_text(),
        facts=content.facts(subnetworks, provenance),
        reduced=reduced_text(subnetworks),
        answers=content.answers(claims),
        tally=content.tally(claims),
        explanation=EXPLANATION,
        claims=_claims(claims, measurements),
        figures=[_figure(name, svg) for name, svg in figures.items()],
        tables=[table for table in shown if table.rows],
        versions={"Python": provenance.get("python"), **provenance.get("packages", {})},
        commit=provenance.get("commit"),
        machine=provenance.get("machine"),
        settings=json.dumps(provenance.get("study", {}), indent=2),
    )


def _figure(name: str, svg: bytes) -> dict:
    entry = FIGURES[name]
    return {
        "name": name,
        "title": entry.title,
        "caption": entry.caption.replace("`", ""),  # of Markdown
        # As an image, not as part of the page: the names inside the SVG of different figures would collide.
        "source": f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}",
        "width": round(_PIXELS_PER_POINT * float(re.findall(rb'width="([0-9.]+)pt"', svg)[0])),
    }


def _claims(claims: pd.DataFrame, measurements: pd.DataFrame) -> list[dict]:
    found = []
    for number, claim in CLAIMS.items():
        verdicts = []
        for row in claims[claims.claim == number].itertuples():
            parts = list(parts_of(row, measurements).itertuples())
            primary = [part for part in parts if part.role == "primary"]
            shown = [part for part in primary if part.verdict != "confirmed" or len(primary) <= _PARTS_SHOWN]
            verdicts.append(
                {
                    "network": network(row) or "No network",
                    "verdict": row.verdict,
                    "reduced": row.reduced,
                    "missing": row.missing,
                    "parts": parts,
                    "shown": shown,
                    "more": len(primary) - len(shown),
                    "bounds": list(dict.fromkeys(map(required, shown))),
                }
            )
        found.append(
            {
                "number": number,
                "statement": claim.statement,
                "criterion": claim.criterion,
                "verdicts": verdicts,
            }
        )
    return found
