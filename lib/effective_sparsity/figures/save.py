"""Writing a figure and the data in it."""

from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from effective_sparsity.figures.style import RC
from effective_sparsity.storage import replacing

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
    targets = {suffix: stem.with_name(f"{stem.name}.{suffix}") for suffix in (*_FORMATS, "csv")}
    for suffix, target in targets.items():
        with replacing(target) as part, matplotlib.rc_context(RC):
            if suffix == "csv":
                data.to_csv(part, index=False, float_format="%.9g", lineterminator="\n")
            else:
                figure.savefig(part, format=suffix, **_FORMATS[suffix])
    return list(targets.values())
