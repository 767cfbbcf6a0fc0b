"""Numbers and tables in documents that follow from published tables, filled in rather than copied.

A number is followed by a comment, which no reader of the page sees, that says of which study it is and how it
is found:

    SNIP reaches 76.9<!-- lenet-300-100: accuracy snip effective 1000 --> %.

A table stands between `<!-- table lenet-300-100: accuracies 100 1000 -->` and `<!-- end -->`. The functions
that these comments name are `NUMBERS` and `TABLES` below. Fill the documents in again with

    python -m effective_sparsity.report.documents results/reference README.md docs/results.md
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pandas as pd

from effective_sparsity.claims.page import markdown, measured, number, part_verdict, required
from effective_sparsity.claims.selection import by_seed, level_near
from effective_sparsity.errors import UserError, exit_code
from effective_sparsity.figures.statistics import half_width
from effective_sparsity.figures.style import look
from effective_sparsity.report.leaderboard import leads, place, ranking_costs, setting, standing, tied
from effective_sparsity.study.results import Results
from effective_sparsity.study.tables import read_table

Columns = Iterable[tuple[str, str]]  # of a criterion and a level

_NUMBER = re.compile(r"(?P<value>[-+\w.,]+)<!-- (?P<study>[\w.-]+): (?P<query>[^>]+?) -->")
_TABLE = re.compile(
    r"<!-- table (?P<study>[\w.-]+): (?P<query>[^>]+?) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL
)


def _rows(
    results: Results, pruner: str, criterion: str, level: str, table: str = "subnetworks"
) -> pd.DataFrame:
    rows = results.table(table)
    rows = rows[(rows.pruner == pruner) & (rows.criterion == criterion)]
    return rows[rows.target_compression == level_near(rows, float(level))]


def accuracy(results: Results, pruner: str, criterion: str, level: str) -> str:
    """Mean test accuracy over seeds, in per cent."""
    return f"{100 * _rows(results, pruner, criterion, level).test_accuracy.mean():.1f}"


def spread(results: Results, pruner: str, criterion: str, level: str) -> str:
    """Standard deviation of the test accuracy between seeds, in percentage points."""
    return f"{100 * _rows(results, pruner, criterion, level).test_accuracy.std():.2g}"


def lead(results: Results, pruner: str, other: str, criterion: str, level: str) -> str:
    """Mean of the accuracy of a pruner minus that of another over the seeds of both, in percentage points."""
    first, second = (
        _rows(results, name, criterion, level).set_index("seed").test_accuracy for name in (pruner, other)
    )
    return f"{100 * (first - second).mean():.1f}"


def dense(results: Results) -> str:
    """Mean test accuracy of the dense networks, in per cent."""
    return f"{100 * results.table('dense').test_accuracy.mean():.2f}"


def networks(results: Results, *pruners: str) -> str:
    """Number of trained subnetworks, of some pruners or of all."""
    rows = results.table("subnetworks")
    rows = rows[(rows.status != "untrained") & (rows.pruner.isin(pruners) if pruners else True)]
    return f"{len(rows):,}"


def seeds(results: Results, pruner: str, criterion: str, level: str) -> str:
    """Number of seeds."""
    return str(_rows(results, pruner, criterion, level).seed.nunique())


def factor(results: Results, pruner: str, level: str) -> str:
    """Kept over mean active weights of directly pruned networks."""
    rows = _rows(results, pruner, "direct", level)
    ratio = rows.n_kept.mean() / rows.n_active.mean()
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"


def connected(results: Results, pruner: str, level: str) -> str:
    """Share of directly pruned networks with an active weight, in per cent."""
    return f"{100 * (_rows(results, pruner, 'direct', level).n_active > 0).mean():.0f}"


def largest_inactive(results: Results, pruner: str, n_kept: str) -> str:
    """Largest inactive share of a directly pruned network's weights while so many are kept, in per cent."""
    rows = results.table("subnetworks")
    rows = rows[(rows.pruner == pruner) & (rows.criterion == "direct") & (rows.n_kept >= float(n_kept))]
    return number((1 - rows.n_active / rows.n_kept).max(), "share")


def classes(results: Results, statistic: str, pruner: str, criterion: str, level: str) -> str:
    """Classes that networks connect: "min", "mean" or "max" over seeds, or the share that connects "all"."""
    layers = results.table("layers")
    last = layers[layers.layer == layers.layer.iloc[-1]]
    rows = _rows(results, pruner, criterion, level, "layers")
    connected = rows.live_outputs[rows.layer == last.layer.iloc[0]]
    if statistic == "all":
        return f"{100 * (connected == last.live_outputs.max()).mean():.0f}"
    return f"{getattr(connected, statistic)():.3g}"


def units(results: Results, pruner: str, criterion: str, level: str, layer: str) -> str:
    """Live outputs of a layer, mean over seeds."""
    rows = _rows(results, pruner, criterion, level, "layers")
    return f"{rows[rows.layer == layer].live_outputs.mean():.0f}"


def measurement(column: str, results: Results, claim: str, *words: str) -> str:
    """The mean ("value") of a part of a claim or an end of its interval ("low", "high"), without its unit.

    Args:
        words: of the part's label.
    """
    table, label = results.table("measurements"), " ".join(words)
    found = table[(table.claim == int(claim)) & (table.label == label)]
    if len(found) != 1:
        raise UserError(f"{results.study}: claim {claim} has no part {label!r}; see its measurements.csv")
    return number(found[column].item(), found.unit.item())


def tally(results: Results, claim: str, verdict: str) -> str:
    """Number of the primary parts of a claim that have a verdict."""
    table = results.table("claims")
    return str(table.loc[table.claim == int(claim), verdict].sum())


NUMBERS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        accuracy, spread, lead, dense, networks, seeds, factor, connected, largest_inactive, classes, units,
        tally, place, tied,
    )
} | {column: partial(measurement, column) for column in ("value", "low", "high")}  # fmt: skip


def _by_compression(levels: Iterable[str]) -> list[str]:
    return ["", *(f"{float(level):,.0f}" for level in levels)]


def _by_pruner(results: Results, columns: Columns, text: Callable[[pd.Series], str]) -> list[list[str]]:
    """A row for each trained pruner: its name, and the text for its accuracies in per cent in each column."""
    rows = results.table("subnetworks")
    return [
        [look(pruner).label]
        + [text(100 * _rows(results, pruner, *column).test_accuracy) for column in columns]
        for pruner in rows.pruner[rows.test_accuracy.notna()].unique()
    ]


def accuracies(results: Results, *levels: str) -> list[str]:
    """Mean test accuracy in per cent by level and criterion: a row per pruner."""
    criteria = sorted(results.table("subnetworks").criterion.unique())
    columns = [(criterion, level) for level in levels for criterion in criteria]
    names = [f"{criterion}, {float(level):,.0f}" for criterion, level in columns]

    def mean(values: pd.Series) -> str:
        return f"{values.mean():.1f}" if values.notna().any() else ""

    return markdown(["", *names], _by_pruner(results, columns, mean))


def intervals(results: Results, criterion: str, *levels: str) -> list[str]:
    """Mean test accuracy in per cent by level, and half the width of its 95 % interval: a row per pruner."""

    def interval(values: pd.Series) -> str:
        return f"{values.mean():.1f} ± {half_width(values):.1f}"

    rows = _by_pruner(results, [(criterion, level) for level in levels], interval)
    return markdown(_by_compression(levels), rows)


def parts(results: Results, claim: str, role: str = "primary") -> list[str]:
    """The measurements of a claim."""
    table = results.table("measurements")
    rows = [
        [row.label, measured(row), required(row), part_verdict(row)]
        for row in table[(table.claim == int(claim)) & (table.role == role)].itertuples()
    ]
    return markdown(["part", "measured", "required", "verdict"], rows)


def differences(results: Results, pruner: str, *others: str) -> list[str]:
    """Mean accuracy of a pruner minus that of others at equal effective compression: a row per level."""
    rows = results.table("subnetworks")
    rows = rows[(rows.criterion == "effective") & rows.test_accuracy.notna()]
    tables = {name: by_seed(of_name, 100 * of_name.test_accuracy) for name, of_name in rows.groupby("pruner")}
    means = [(tables[pruner] - tables[other]).dropna(axis="columns").mean(axis=1) for other in others]
    rows = [[f"{level:,.0f}", *(f"{mean[level]:+.1f}" for mean in means)] for level in tables[pruner].index]
    return markdown(["compression", *(look(other).label for other in others)], rows)


def shares(results: Results, *levels: str) -> list[str]:
    """What each control explains of SNIP's lead over random-igq, in per cent: a row per control."""
    (path,) = results.folder.glob("figures/pixel_controls.csv*")
    data = read_table(path)
    data = data[data.quantity == "share_of_gap"].set_index(["pruner", "target_compression"])
    found = [level_near(data.reset_index(), float(level)) for level in levels]

    def share(row: pd.Series) -> str:
        return f"{100 * row.value:.0f} ({100 * row.low:.0f} to {100 * row.high:.0f})"

    pruners = data.index.unique("pruner")
    rows = [[look(p).label, *(share(data.loc[(p, level)]) for level in found)] for p in pruners]
    return markdown(_by_compression(levels), rows)


TABLES: dict[str, Callable[..., list[str]]] = {
    f.__name__: f
    for f in (accuracies, intervals, parts, differences, shares, setting, standing, leads, ranking_costs)
}


def filled(text: str, reference: Path) -> str:
    """`text` with all numbers and tables as the published tables have them.

    Raises:
        UserError: a comment names a study, a function or a part that does not exist.
    """

    def found(match: re.Match, functions: dict[str, Callable]) -> str | list[str]:
        name, *arguments = match["query"].split()
        if name not in functions:
            raise UserError(f"{match[0]!r}: unknown function {name}; known: {', '.join(functions)}")
        return functions[name](Results(reference / match["study"]), *arguments)

    def number_of(match: re.Match) -> str:
        return f"{found(match, NUMBERS)}<!-- {match['study']}: {match['query']} -->"

    def table_of(match: re.Match) -> str:
        lines = "\n".join(found(match, TABLES))
        return f"<!-- table {match['study']}: {match['query']} -->\n{lines}\n<!-- end -->"

    return _NUMBER.sub(number_of, _TABLE.sub(table_of, text))


def main() -> int:
    """Fill documents in."""
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.report.documents",
        description="Fill in the numbers and tables of documents from published tables.",
    )
    parser.add_argument("reference", type=Path, help="folder of published studies")
    parser.add_argument("documents", type=Path, nargs="+", help="Markdown files")
    options = parser.parse_args()

    def fill() -> None:
        for path in options.documents:
            path.write_text(filled(path.read_text(), options.reference))

    return exit_code(fill)


if __name__ == "__main__":
    sys.exit(main())
