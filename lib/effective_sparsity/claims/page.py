"""The verdicts as a page to read (Markdown), and their numbers as a reader writes them."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.figures.style import panel_title
from effective_sparsity.figures.tables import with_blanks

EXPLANATION = (
    "Each part of a claim has one bound, fixed before the seeds that decide were trained (docs/claims.md). "
    "A t test over seeds, with Holm's correction for the primary parts of a claim, confirms a part, "
    "refutes it, or leaves it undecided; the intervals are those of the corrected test. Secondary parts "
    "are reported and do not count towards the claim."
)

_SYMBOLS = {"factor": " x", "share": " %", "points": " points", "tau": ""}


def markdown(names: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table: the names of its columns, which may be empty, and its cells."""
    columns = [f"| {name} " if name else "| " for name in names]
    lines = [f"{''.join(columns)}|", f"{'| --- ' * len(columns)}|"]
    return lines + [f"| {' | '.join(cells)} |" for cells in rows]


def number(value: float, unit: str) -> str:
    """A measured value in its unit, without the unit's symbol; `?` if it is not known."""
    if np.isnan(value):
        return "?"
    if unit == "factor":
        return _digits(value)
    if unit == "share":
        return f"{100 * value:.2g}" if abs(value) < 0.1 else f"{100 * value:.1f}"
    return f"{value:+.2f}"


def _digits(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.3g}" if factor >= 2 else f"{factor:.3f}"


def estimate(row: pd.Series) -> str:
    """Value of a measurement, in its unit."""
    return number(row.value, row.unit) + _SYMBOLS[row.unit] if row.seeds else "not measured"


def measured(row: pd.Series) -> str:
    """Value, corrected interval and seeds of a measurement."""
    value = estimate(row)
    if not row.seeds:
        return value
    seeds = f"{row.seeds} seed{'s' if row.seeds != 1 else ''}"
    if np.isnan(row.low):
        return f"{value} ({seeds})"
    return f"{value} ({number(row.low, row.unit)} to {number(row.high, row.unit)}; {seeds})"


def required(row: pd.Series) -> str:
    """The bound of a measurement."""
    return f"{row.side} {number(row.bound, row.unit)}{_SYMBOLS[row.unit]}"


def network(row: pd.Series) -> str:
    """Network and data set of a row; empty if the study has none for this claim."""
    return panel_title(row.architecture, row.dataset) if row.dataset else ""


def verdict(row: pd.Series) -> str:
    """The verdict on a claim, the parts behind it if they differ, and whether the setting is reduced."""
    counts = [
        f"{getattr(row, name)} {name}" for name in ("confirmed", "refuted", "undecided") if getattr(row, name)
    ]
    parts = f" ({', '.join(counts)})" if row.verdict == "in part" or len(counts) > 1 else ""
    return f"{row.verdict}{parts}{' (reduced setting)' if row.reduced else ''}"


def part_verdict(row: pd.Series) -> str:
    """The verdict on a part, and what an undecided one would take."""
    if np.isnan(row.seeds_needed):
        return row.verdict
    needed = "more than 1,000" if np.isinf(row.seeds_needed) else f"{row.seeds_needed:,.0f}"
    return f"{row.verdict}; would take {needed} seeds"


def finding(parts: pd.DataFrame) -> str:
    """What the primary parts of a claim say, in one line: their labels by verdict."""
    primary = parts[parts.role == "primary"]
    return "; ".join(
        f"{found}: {_listed(list(of_verdict.label))}"
        for found, of_verdict in primary.groupby("verdict", sort=False)
    )


def _listed(labels: list[str], most: int = 5) -> str:
    more = len(labels) - most
    return ", ".join(labels[:most]) + (f" and {more} more" if more > 0 else "")


def page(claims: pd.DataFrame, measurements: pd.DataFrame, heading: str = "#") -> str:
    """Markdown: an overview, then each claim with its criterion and all measurements.

    Args:
        claims, measurements: as `verdicts.judge` returns them.
        heading: the mark of the page's title; longer for a part of a longer page.
    """
    claims, measurements = with_blanks(claims), with_blanks(measurements)
    lines = [f"{heading} The paper's claims", "", EXPLANATION, ""]
    lines += _reduced(claims)
    overview = []
    for row in claims.itertuples():
        found = finding(parts_of(row, measurements))
        overview.append([str(row.claim), row.statement, network(row), f"**{verdict(row)}**", found])
    lines += markdown(["", "claim", "network", "verdict", "parts"], overview)
    for number_, claim in CLAIMS.items():
        lines += ["", f"{heading}# {number_}. {claim.statement}", "", f"*Criterion.* {claim.criterion}", ""]
        for row in claims[claims.claim == number_].itertuples():
            lines += [f"**{network(row) or 'No network'}: {verdict(row)}.**", ""]
            if row.missing:
                lines += [f"Missing: {row.missing}.", ""]
            lines += [*_measurements(parts_of(row, measurements)), ""]
        lines.pop()
    return "\n".join(lines) + "\n"


def parts_of(claim: pd.Series, measurements: pd.DataFrame) -> pd.DataFrame:
    """The measurements of a claim on a network."""
    keys = ["claim", "architecture", "dataset"]
    return measurements[(measurements[keys] == [getattr(claim, key) for key in keys]).all(axis="columns")]


def _measurements(parts: pd.DataFrame) -> list[str]:
    roles = {"primary": "", "secondary": " (secondary)"}
    rows = [
        [part.label + roles[part.role], part.quantity, measured(part), required(part), part_verdict(part)]
        for part in parts.itertuples()
    ]
    return markdown(["", "measured", "value (interval)", "required", "verdict"], rows)


def _reduced(claims: pd.DataFrame) -> list[str]:
    reduced = claims[claims.reduced != ""].drop_duplicates(["architecture", "dataset", "reduced"])
    lines = [f"Reduced setting, {network(row)}: {row.reduced}." for row in reduced.itertuples()]
    return [line for text in lines for line in (text, "")]
