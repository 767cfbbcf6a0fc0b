"""The verdicts as a page to read (Markdown), and their numbers as a reader writes them."""

import numpy as np
import pandas as pd

from effective_sparsity.claims.registry import CLAIMS
from effective_sparsity.figures.style import panel_title

EXPLANATION = (
    "A verdict follows from an interval over seeds (95 %, Student's t, on the logarithm for factors) and "
    "from bounds that were fixed before any number was known. Confirmed: the whole interval of every "
    "measurement keeps its bound. Refuted: the interval of a measurement, widened for the number of "
    "measurements, lies beyond it. Not confirmed: neither. Not enough data: what is missing is named."
)


_SYMBOLS = {"factor": " x", "share": " %", "points": " points", "tau": ""}


def number(value: float, unit: str) -> str:
    """A measured value in its unit, without the unit's symbol; `?` if it is not known."""
    if np.isnan(value):
        return "?"
    if unit == "factor":
        return _digits(value)
    return f"{100 * value:.1f}" if unit == "share" else f"{value:+.2f}"


def _digits(factor: float) -> str:
    if np.isinf(factor):
        return "infinite"
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.3g}"


def measured(row: pd.Series) -> str:
    """Value, interval and seeds of a measurement."""
    if not row.seeds:
        return "not measured"
    seeds = f"{row.seeds} seed{'s' if row.seeds != 1 else ''}"
    value = number(row.value, row.unit) + _SYMBOLS[row.unit]
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
    """The verdict, with a word of warning if the setting is reduced."""
    return f"{row.verdict} (reduced setting)" if row.reduced else row.verdict


def with_blanks(table: pd.DataFrame) -> pd.DataFrame:
    """The table with empty texts for missing ones, as which they come back from a file."""
    texts = ["architecture", "dataset", "missing", "reduced"]
    return table.assign(**{name: table[name].astype(object).fillna("") for name in texts})


def page(claims: pd.DataFrame, measurements: pd.DataFrame, heading: str = "#") -> str:
    """Markdown: an overview, then each claim with its criterion and all measurements.

    Args:
        claims, measurements: as `verdicts.judge` returns them.
        heading: the mark of the page's title; longer for a part of a longer page.
    """
    claims, measurements = with_blanks(claims), with_blanks(measurements)
    lines = [f"{heading} The paper's claims", "", EXPLANATION, ""]
    lines += _reduced(claims)
    lines += ["| | claim | network | verdict |", "| --- | --- | --- | --- |"]
    for row in claims.itertuples():
        lines.append(f"| {row.claim} | {row.statement} | {network(row)} | **{verdict(row)}** |")
    for number_, claim in CLAIMS.items():
        lines += ["", f"{heading}# {number_}. {claim.statement}", "", f"*Criterion.* {claim.criterion}", ""]
        of_claim = measurements[measurements.claim == number_]
        for row in claims[claims.claim == number_].itertuples():
            lines += [f"**{network(row) or 'No network'}: {verdict(row)}.**", ""]
            if row.missing:
                lines += [f"Missing: {row.missing}.", ""]
            lines += [
                "| measured | value (95 % interval) | required | verdict |",
                "| --- | --- | --- | --- |",
            ]
            here = of_claim[(of_claim.architecture == row.architecture) & (of_claim.dataset == row.dataset)]
            lines += [
                f"| {part.quantity} | {measured(part)} | {required(part)} | {part.verdict} |"
                for part in here.itertuples()
            ]
            lines.append("")
        lines.pop()
    return "\n".join(lines) + "\n"


def _reduced(claims: pd.DataFrame) -> list[str]:
    reduced = claims[claims.reduced != ""].drop_duplicates(["architecture", "dataset", "reduced"])
    lines = [f"Reduced setting, {network(row)}: {row.reduced}." for row in reduced.itertuples()]
    return [line for text in lines for line in (text, "")]
