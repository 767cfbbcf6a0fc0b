"""Writing figures and the data in them."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.style import RC
from effective_sparsity.figures.tables import Tables
from effective_sparsity.storage import replacing

# The same picture must give the same bytes, so no format may carry the date of the run.
_FORMATS: dict[str, Any] = {
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
    "png": {"dpi": 200},
}


def read_svg(path: Path | str) -> bytes:
    """Read the SVG of a figure.

    Raises:
        DamagedFileError: it is something else, or was cut short.
        OSError: it cannot be read.
    """
    content = Path(path).read_bytes()
    if b"<svg" not in content or not content.rstrip().endswith(b"</svg>"):
        raise DamagedFileError(path, "not a whole SVG")
    return content


def save(figure: Figure, data: pd.DataFrame, stem: str | Path) -> list[Path]:
    """Write `<stem>.pdf`, `.svg`, `.png` (200 dpi) and `.csv`; equal input gives equal bytes.

    Every file appears complete or not at all. Folders are made as needed.

    Args:
        figure: what to draw.
        data: exactly what is drawn; infinite compressions are written as `inf`.
        stem: path without suffix. A dot in its name is kept.

    Returns:
        The paths written.
    """
    stem = Path(stem)
    targets = {suffix: stem.with_name(f"{stem.name}.{suffix}") for suffix in (*_FORMATS, "csv")}
    for suffix, target in targets.items():
        with replacing(target) as part, matplotlib.rc_context(RC):
            if suffix == "csv":
                data.to_csv(part, index=False, float_format="%.9g", lineterminator="\n")
            else:
                figure.savefig(part, format=suffix, **_FORMATS[suffix])
    return list(targets.values())


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
        list(pool.map(partial(_draw_one, folder), names, needed))


def _draw_one(folder: Path, name: str, tables: Tables) -> None:
    save(*FIGURES[name].draw(tables), folder / name)
