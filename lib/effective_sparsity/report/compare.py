"""Two studies side by side: python -m effective_sparsity.report.compare results/mine results/other."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from effective_sparsity.claims.page import markdown, network, verdict
from effective_sparsity.errors import UserError, exit_code
from effective_sparsity.figures.style import look, panel_title, plain_number
from effective_sparsity.figures.tables import PANEL, with_blanks
from effective_sparsity.study.results import Results

_POINT = [*PANEL, "pruner", "criterion", "target_compression"]


def comparison(first: Results, second: Results) -> str:
    """Markdown: the verdicts of both studies, and the accuracies of what both have trained.

    Raises:
        UserError: they have no subnetworks in common.
    """
    names = [first.study, second.study]
    lines = [f"# {first.study} and {second.study}", ""]
    if all("claims" in results.tables for results in (first, second)):
        ours, theirs = (_by_claim(results.table("claims")) for results in (first, second))
        verdicts = [
            [str(row.claim), row.statement, network(row), verdict(row), verdict(theirs[key])]
            for key, row in ours.items()
            if key in theirs
        ]
        lines += [*markdown(["", "claim", "network", *names], verdicts), ""]
    means = [_accuracies(results.table("subnetworks")) for results in (first, second)]
    both = means[0].add_suffix("_first").join(means[1].add_suffix("_second"), how="inner")
    if both.empty:
        raise UserError(
            f"{first.folder} and {second.folder} have no trained subnetworks in common; compare studies of "
            "the same network, pruners and compressions"
        )
    rows = []
    for (architecture, dataset, pruner, criterion, target), row in both.iterrows():
        cells = [panel_title(architecture, dataset), look(pruner).label, criterion, plain_number(target)]
        cells += [f"{row[f'mean_{end}']:.2f} ({row[f'size_{end}']:.0f})" for end in ("first", "second")]
        rows.append([*cells, f"{row.mean_first - row.mean_second:+.2f}"])
    lines += ["Test accuracy in per cent, mean over seeds (number of seeds):", ""]
    lines += markdown(["network", "pruner", "pruning", "target", *names, "difference"], rows)
    return "\n".join(lines) + "\n"


def _by_claim(claims: pd.DataFrame) -> dict[tuple, pd.Series]:
    return {(row.claim, row.architecture, row.dataset): row for row in with_blanks(claims).itertuples()}


def _accuracies(subnetworks: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy in per cent, and number of seeds, of each point that was trained."""
    trained = subnetworks.dropna(subset=["test_accuracy"])
    trained = trained.assign(test_accuracy=100 * trained.test_accuracy.astype(float))
    return trained.groupby(_POINT, sort=False).test_accuracy.agg(["mean", "size"])


def main() -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.report.compare",
        description="Compare verdicts and accuracies of two studies, as Markdown.",
    )
    parser.add_argument("first", type=Path, help="folder of a study, such as results/mine")
    parser.add_argument("second", type=Path, help="folder of another, such as results/reference/confirmation")
    options = parser.parse_args()
    return exit_code(lambda: print(comparison(Results(options.first), Results(options.second)), end=""))


if __name__ == "__main__":
    sys.exit(main())
