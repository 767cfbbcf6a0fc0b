"""Drawing figures side by side."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.save import save
from effective_sparsity.figures.tables import Tables


def draw(names: Sequence[str], tables: Tables, folder: Path, processes: int = 1) -> None:
    """Draw figures and write them to a folder.

    Args:
        names: of `FIGURES`.
        tables: those that they need, by name.
        folder: see `save`.
        processes: how many work at once. They are forked from this one, so libraries are imported once.
    """
    needed = [{table: tables[table] for table in FIGURES[name].tables} for name in names]
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        list(pool.map(partial(_draw, folder), names, needed))


def _draw(folder: Path, name: str, tables: Tables) -> None:
    save(*FIGURES[name].draw(tables), folder / name)
