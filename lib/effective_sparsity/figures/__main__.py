"""Figures from tables alone: python -m effective_sparsity.figures results/reference/NAME FOLDER."""

import argparse
import sys
from pathlib import Path

from effective_sparsity.errors import DamagedFileError, UserError, exit_code
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.save import save
from effective_sparsity.study.results import Results


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.figures",
        description="Draw all figures for which a study has tables; no workflow is run.",
    )
    parser.add_argument("results", type=Path, help="folder of the study, such as results/reference/curves")
    parser.add_argument("folder", type=Path, help="where to write the figures")
    options = parser.parse_args()
    return exit_code(lambda: _draw(options.results, options.folder))


def _draw(folder: Path, target: Path) -> None:
    try:
        results = Results(folder)
        print(f"Figures of the study {results.study}:")
        trained = results.provenance["study"]["train"]
        found = "subnetworks" in results.tables
        pruners = set(results.table("subnetworks").pruner) if found else set()
        for name, figure in FIGURES.items():
            if set(figure.tables) <= set(results.tables) and figure.suits(trained, pruners):
                save(
                    *figure.draw({table: results.table(table) for table in figure.tables}),
                    target / name,
                )
                print(f"  {name}")
    except DamagedFileError as error:
        raise UserError(f"{error.finding}; copy or publish that folder again") from error


if __name__ == "__main__":
    sys.exit(main())
