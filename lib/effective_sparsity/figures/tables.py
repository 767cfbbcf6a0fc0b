"""Rows, panels and sentences that several figures take from the study's tables."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from effective_sparsity.figures.style import ARCHITECTURES, panel_title, place

Tables = Mapping[str, pd.DataFrame]

PANEL = ["architecture", "dataset"]

# The part of a target compression by which a hit may miss it.
HIT = 0.1


def panels(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Distinct pairs (architecture, data set), each of which gets a panel; small networks first."""
    found = set(zip(table.architecture, table.dataset, strict=True))
    return sorted(found, key=lambda panel: (place(panel[0], list(ARCHITECTURES)), panel[1]))


def panel_rows(table: pd.DataFrame, panel: tuple[str, str]) -> pd.DataFrame:
    """Rows of one architecture and data set."""
    architecture, dataset = panel
    return table[(table.architecture == architecture) & (table.dataset == dataset)]


def with_blanks(table: pd.DataFrame) -> pd.DataFrame:
    """Claims or measurements with empty texts for missing ones, as which they come back from a file."""
    texts = ["architecture", "dataset", "missing", "reduced"]
    return table.assign(**{name: table[name].astype(object).fillna("") for name in texts})


def on_target(subnetworks: pd.DataFrame) -> pd.Series:
    """Whether the effective compression of each row is within `HIT` of its target."""
    miss = (subnetworks.effective_compression.astype(float) / subnetworks.target_compression - 1).abs()
    return miss <= HIT


def nearest_levels(table: pd.DataFrame, compressions: Iterable[float]) -> list[float]:
    """The target compressions in `table` nearest to `compressions`, rising; none if it has no rows."""
    levels = np.sort(table.target_compression.unique())
    return sorted({levels[np.abs(np.log(levels / c)).argmin()] for c in compressions if len(levels)})


def seeds_text(counts: pd.Series) -> str:
    """How many seeds stand behind the points of a figure: "3 seeds", "1 to 3 seeds"."""
    if counts.empty:
        return "no data"
    low, high = int(counts.min()), int(counts.max())
    number = f"{high}" if low == high else f"{low} to {high}"
    return f"{number} seed{'s' if high != 1 else ''}"


def reduced_text(table: pd.DataFrame) -> str:
    """One sentence that says where the study was reduced; empty for the full recipe on the full data."""
    rows = table[table.reduced.notna() & (table.reduced != "")]
    texts = dict.fromkeys(zip(rows.architecture, rows.dataset, rows.reduced, strict=True))
    if not texts:
        return ""
    distinct = dict.fromkeys(text for _, _, text in texts)
    if len(distinct) == 1 and panels(rows) == panels(table):
        (text,) = distinct
    else:
        text = "; ".join(
            f"{panel_title(architecture, dataset)}: {text}" for architecture, dataset, text in texts
        )
    names = ", ".join(dict.fromkeys(dataset for _, dataset, _ in texts))
    return f"Reduced setting: {text} (data set {names})."
