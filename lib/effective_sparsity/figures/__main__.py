"""Figures from tables: python -m effective_sparsity.figures results/reference/NAME FOLDER [FIGURE...]."""

import argparse
import sys
from pathlib import Path

from effective_sparsity.errors import DamagedFileError, UserError, exit_code
from effective_sparsity.figures.registry import FIGURES, Kind
from effective_sparsity.figures.save import draw
from effective_sparsity.study.results import Results


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.figures",
        description="Draw all figures for which a study has tables; no workflow is run.",
    )
    parser.add_argument("results", type=Path, help="folder of the study, such as results/reference/curves")
    parser.add_argument("folder", type=Path, help="where to write the figures")
    parser.add_argument("figures", nargs="*", metavar="figure", help="those to draw (default: all that fit)")
    options = parser.parse_args()
    if unknown := [name for name in options.figures if name not in FIGURES]:
        parser.error(f"no figure {', '.join(unknown)}; known: {', '.join(FIGURES)}")
    return exit_code(lambda: _draw(options.results, options.folder, options.figures))


def _kinds(results: Results) -> set[Kind]:
    if "subnetworks" not in results.tables:
        return set()
    table = results.table("subnetworks")
    trained = table.test_accuracy.notna()
    return set(map(Kind, table.architecture, table.pruner, table.criterion, trained))


def _draw(folder: Path, target: Path, asked: list[str]) -> None:
    try:
        results = Results(folder)
        print(f"Figures of the study {results.study}:")
        study = _kinds(results)
        suitable = [
            name
            for name, figure in FIGURES.items()
            if set(figure.tables) <= set(results.tables) and figure.suits(study)
        ]
        if unsuitable := [name for name in asked if name not in suitable]:
            raise UserError(
                f"the study {results.study} has nothing for {', '.join(unsuitable)}; "
                f"name some of: {', '.join(suitable)}"
            )
        names = asked or suitable
        needed = {table for name in names for table in FIGURES[name].tables}
        draw(names, {table: results.table(table) for table in needed}, target)
        for name in names:
            print(f"  {name}")
    except DamagedFileError as error:
        raise UserError(f"{error.finding}; copy or publish that folder again") from error


if __name__ == "__main__":
    sys.exit(main())
