"""Writing a figure and the data in it."""

import tempfile
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from effective_sparsity.figures.style import RC

# The same picture must give the same bytes, so no format may carry the date of the run.
_FORMATS = {
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
    "png": {"dpi": 200},
}


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
    stem.parent.mkdir(parents=True, exist_ok=True)
    targets = {suffix: stem.with_name(f"{stem.name}.{suffix}") for suffix in (*_FORMATS, "csv")}
    with tempfile.TemporaryDirectory(dir=stem.parent, prefix=".figure-") as folder, matplotlib.rc_context(RC):
        for suffix, target in targets.items():
            part = Path(folder, target.name)
            if suffix == "csv":
                data.to_csv(part, index=False, float_format="%.9g", lineterminator="\n")
            else:
                figure.savefig(part, format=suffix, **_FORMATS[suffix])
            part.replace(target)
    return list(targets.values())
