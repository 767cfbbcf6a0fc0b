"""Results of a study as a Markdown page: python -m effective_sparsity.report results/NAME PAGE.md."""

import argparse
import sys
from pathlib import Path

from effective_sparsity.errors import UserError
from effective_sparsity.report.results_page import write_results_page


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.report",
        description="Write claims and figures of a finished study as a Markdown page, pictures beside it.",
    )
    parser.add_argument("results", type=Path, help="folder of the study, such as results/default")
    parser.add_argument("page", type=Path, help="Markdown file to write, such as docs/results.md")
    options = parser.parse_args()
    try:
        write_results_page(options.results, options.page)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
