"""Tables and numbers of docs/leaderboard.md; `documents` fills them in."""

import pandas as pd

from effective_sparsity.claims.page import markdown
from effective_sparsity.claims.selection import level_near
from effective_sparsity.errors import UserError
from effective_sparsity.figures.leaderboard import standings
from effective_sparsity.figures.style import in_order, look, plain_number
from effective_sparsity.figures.tables import reduced_text, seeds_text
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.results import Results


def _means(results: Results) -> pd.DataFrame:
    table = standings(results.table("subnetworks"))
    return table[table.seed.isna()]


def _row(results: Results, pruner: str, level: str) -> tuple[pd.Series, pd.DataFrame]:
    """The means of a pruner at a level, and of all at that level, best first."""
    means = _means(results)
    means = means[means.target_compression == level_near(means, float(level))]
    means = means.sort_values("accuracy", ascending=False).set_index("pruner")
    if pruner not in means.index:
        raise UserError(f"{results.study}: {pruner} hits no target near {level}; leave it out of the page")
    return means.loc[pruner], means


def place(results: Results, pruner: str, level: str) -> str:
    """Its place among all pruners that hit the target, by mean accuracy."""
    _, means = _row(results, pruner, level)
    return str(1 + list(means.index).index(pruner))


def tied(results: Results, pruner: str, level: str) -> str:
    """Number of other pruners that cannot be told apart from it."""
    row, means = _row(results, pruner, level)
    return str(sum(bool(set(group) & set(row.group)) for group in means.group) - 1)


def setting(results: Results) -> list[str]:
    """Whether the study is reduced, and its seeds."""
    text = reduced_text(results.table("subnetworks")) or "Full setting: the paper's recipe and data."
    return [f"{text} {seeds_text(_means(results).seeds.dropna())}."]


def standing(results: Results) -> list[str]:
    """Mean accuracy in per cent with the letters of its groups: a row per pruner, a column per level."""
    return _by_level(
        results, lambda row: f"{row.accuracy:.1f}" + (f" <sup>{row.group}</sup>" if row.group else "")
    )


def leads(results: Results) -> list[str]:
    """Percentage points above random-igq, paired by seed, with 95 % t intervals."""

    def cell(row) -> str:
        interval = f" ({row.low:+.2f} to {row.high:+.2f})" if pd.notna(row.low) else ""
        return f"{row.difference:+.2f}{interval}" if row.pruner != "random-igq" else "0"

    return _by_level(results, cell)


def _by_level(results: Results, cell) -> list[str]:
    means = _means(results)
    levels = sorted(means.target_compression.unique())
    rows = []
    for pruner in means.pruner.unique():
        found = {row.target_compression: row for row in means[means.pruner == pruner].itertuples()}
        rows.append([look(pruner).label, *(cell(found[x]) if x in found else "" for x in levels)])
    return markdown(["", *map(plain_number, levels)], rows)


def ranking_costs(results: Results) -> list[str]:
    """CPU seconds of a ranking for all levels of a seed, median over seeds: a row per pruner.

    The scores of pruners that take neither gradients nor data are made where subnetworks are counted.
    """
    seconds = results.table("costs").groupby(["stage", "pruner"], dropna=False).cpu_seconds.median()
    rows = []
    for name in in_order(_means(results).pruner):
        pruner = PRUNERS[name]
        found = [
            seconds.get("train_dense", pd.Series()).sum() if pruner.needs_trained else 0,
            seconds.get(("rank", pruner.borrows or name), 0),
            seconds.get(("subnetworks", name), 0),
        ]
        cells = [f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value else "" for value in found]
        rows.append([look(name).label, *cells])
    return markdown(["", "dense training", "scores", "subnetworks of all levels"], rows)
