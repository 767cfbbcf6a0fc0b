"""Figures from tables: python -m effective_sparsity.figures results/reference/NAME FOLDER [FIGURE...]."""

import argparse
import sys
from pathlib import Path

from effective_sparsity.errors import DamagedFileError, UserError, exit_code
from effective_sparsity.figures.draw import draw
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.study.results import Results


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.figures",
        description="Draw all figures for which a study has tables; no workflow is run.",
    )
    parser.add_argument("results", type=Path, help="folder of the study, such as results/reference/curves")
    parser.add_argument("folder", type=Path, help="where to write the figures")
    parser.add_argument("figures", nargs="*", metavar="figure", help="those to draw (default: all)")
    options = parser.parse_args()
    if unknown := [name for name in options.figures if name not in FIGURES]:
        parser.error(f"no figure {', '.join(unknown)}; known: {', '.join(FIGURES)}")
    return exit_code(lambda: _draw(options.results, options.folder, options.figures or list(FIGURES)))


def _draw(folder: Path, target: Path, asked: list[str]) -> None:
    try:
        results = Results(folder)
        print(f"Figures of the study {results.study}:")
        trained = results.provenance["study"]["train"]
        found = "subnetworks" in results.tables
        pruners = set(results.table("subnetworks").pruner) if found else set()
        names = [
            name
            for name in asked
            if set(FIGURES[name].tables) <= set(results.tables) and FIGURES[name].suits(trained, pruners)
        ]
        needed = {table for name in names for table in FIGURES[name].tables}
        draw(names, {table: results.table(table) for table in needed}, target)
        for name in names:
            print(f"  {name}")
    except DamagedFileError as error:
        raise UserError(f"{error.finding}; copy or publish that folder again") from error


if __name__ == "__main__":
    sys.exit(main())
