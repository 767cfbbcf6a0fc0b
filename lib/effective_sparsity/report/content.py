"""What the report's tables say, as plain text and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from effective_sparsity.figures.statistics import half_width
from effective_sparsity.figures.style import look, panel_title, plain_number
from effective_sparsity.figures.tables import PANEL

STAGES = {
    "train_dense": "Dense training",
    "rank": "Scores from gradients",
    "subnetworks": "Subnetworks at all levels",
    "retrain": "Retraining",
    "evaluate": "Evaluation",
}


@dataclass(frozen=True)
class Cell:
    """Text to show, and the number to sort by (None: sort by the text)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table of the report: its anchor, title, what it shows, and rows of cells by the names of columns."""

    name: str
    title: str
    note: str
    rows: list[dict[str, Cell]]


# The claim that answers the question in the report's title, and its answers.
_QUESTION = 4
_ANSWERS = {
    "confirmed": "Yes",
    "refuted": "No",
    "in part": "In part",
    "undecided": "Undecided",
    "not enough data": "Not enough data",
}


def answers(claims: pd.DataFrame) -> list[tuple[str, str]]:
    """Each network with the answer to the question in the report's title."""
    rows = claims[claims.claim == _QUESTION]
    return [
        (panel_title(row.architecture, row.dataset) if row.dataset else "", _ANSWERS[row.verdict])
        for row in rows.itertuples()
    ]


def tally(claims: pd.DataFrame) -> list[tuple[str, int]]:
    """How many claims, counted once per network, have each verdict; the verdicts that there are."""
    counts = claims.verdict.value_counts()
    return [(verdict, int(counts[verdict])) for verdict in _ANSWERS if verdict in counts]


def number(value: float, text: str) -> Cell:
    """A number as a cell; empty if it is missing, sorted last."""
    if pd.isna(value):
        return Cell("")
    if np.isinf(value):
        return Cell("infinite", 1e300)
    return Cell(text.format(value), float(value))


def subnetworks(table: pd.DataFrame) -> Table:
    """All subnetworks: one row for the seeds of a pruner at a level."""
    keys = [*PANEL, "pruner", "criterion", "target_compression"]
    rows = []
    for (architecture, dataset, pruner, criterion, target), group in table.groupby(keys, sort=False):
        accuracy = group.test_accuracy.dropna().astype(float)
        rows.append(
            {
                "Network": Cell(panel_title(architecture, dataset)),
                "Pruner": Cell(look(pruner).label),
                "Pruning": Cell(criterion),
                "Target": Cell(plain_number(target), target),
                "Direct compression": number(group.direct_compression.median(), "{:,.1f}"),
                "Effective compression": number(group.effective_compression.median(), "{:,.1f}"),
                "Accuracy %": number(100 * accuracy.mean(), "{:.2f}"),
                "±": number(100 * half_width(accuracy), "{:.2f}"),
                "Seeds": Cell(str(len(group)), len(group)),
                "Status": Cell(_statuses(group.status)),
            }
        )
    return Table(
        "subnetworks",
        "Subnetworks",
        "Medians of the compressions and mean test accuracy over seeds; ± is half a 95 % t interval, empty "
        "for a single seed.",
        rows,
    )


def _statuses(statuses: pd.Series) -> str:
    counts = statuses.value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def dense(table: pd.DataFrame) -> Table:
    """The dense networks."""
    rows = [
        {
            "Network": Cell(panel_title(row.architecture, row.dataset)),
            "Seed": Cell(str(row.seed), row.seed),
            "Prunable weights": number(row.n_weights, "{:,.0f}"),
            "Steps": number(row.steps, "{:,.0f}"),
            "Accuracy %": number(100 * row.test_accuracy, "{:.2f}"),
            "Loss": number(row.test_loss, "{:.4f}"),
            "Status": Cell(str(row.status)),
        }
        for row in table.itertuples()
    ]
    return Table("dense", "Dense networks", "Trained without pruning, evaluated on the test set.", rows)


def costs(table: pd.DataFrame) -> Table:
    """Run times by stage."""
    rows = [
        {
            "Network": Cell(panel_title(architecture, dataset)),
            "Step": Cell(title),
            "Jobs": number(group.jobs.sum(), "{:,.0f}"),
            "Seconds": number(group.seconds.sum(), "{:,.1f}"),
            "Seconds per job": number(group.seconds.sum() / group.jobs.sum(), "{:,.1f}"),
            "CPU seconds": number(group.cpu_seconds.sum(), "{:,.1f}"),
            "Largest memory, MB": number(group.max_rss_mb.max(), "{:,.0f}"),
        }
        for (architecture, dataset), of_network in table.groupby(PANEL, sort=False)
        for stage, title in STAGES.items()
        if len(group := of_network[of_network.stage == stage])
    ]
    note = "Sums over all jobs of a step, as Snakemake measured them; jobs overlap, so a run takes less."
    if table[table.stage == "retrain"].pruner.isna().any():
        note += " Jobs handle all pruners at once (pruners_per_job: all), so no pruner has times of its own."
    return Table("costs", "Run times", note, rows)


def facts(subnetworks: pd.DataFrame, provenance: Mapping) -> list[tuple[str, str]]:
    """What was run, in a few lines of name and value."""
    networks = subnetworks[PANEL].drop_duplicates()
    levels = subnetworks.target_compression.astype(float)
    names = [panel_title(row.architecture, row.dataset) for row in networks.itertuples()]
    criteria = " and ".join(sorted(subnetworks.criterion.unique()))
    return [
        ("Networks", ", ".join(names) or "none"),
        ("Pruners", f"{subnetworks.pruner.nunique()}, {criteria} pruning"),
        ("Compressions", _levels(levels)),
        ("Seeds", str(subnetworks.seed.nunique())),
        ("Subnetworks", f"{len(subnetworks):,}"),
        ("Trained", _hardware(provenance.get("trained_on", {}))),
    ]


def _hardware(networks: Mapping[str, int]) -> str:
    return "; ".join(f"{count:,} on {name}" for name, count in networks.items()) or "unknown"


def _levels(levels: pd.Series) -> str:
    if levels.empty:
        return "none"
    return f"{levels.nunique()}, from {plain_number(levels.min())} to {plain_number(levels.max())}"
