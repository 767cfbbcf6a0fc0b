"""The compression curve of a model as a picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from effective_sparsity.command_line.loading import weights
from effective_sparsity.connectivity import Connectivity, compression_curve
from effective_sparsity.errors import UserError
from effective_sparsity.storage import replacing

POINTS = 60


def draw_curve(model: nn.Module, inputs, total: pd.Series, path: Path) -> None:
    """Effective against direct compression when the smallest weights go first, and where the model stands.

    Args:
        model, inputs: as for `connectivity.Connectivity`.
        total: the last row of its sparsity report.
        path: of the picture; its suffix is the format.

    Raises:
        UserError: matplotlib is not installed, or does not know the format.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("--curve needs matplotlib; pip install 'effective-sparsity[workflow]'") from error

    figure = Figure(figsize=(4, 3.2), layout="constrained")
    if path.suffix.removeprefix(".") not in FigureCanvasAgg(figure).get_supported_filetypes():
        raise UserError(f"--curve {path}: there is no format {path.suffix!r}; use .png, .pdf or .svg")
    axes: Any = figure.add_subplot(xlabel="direct compression", ylabel="effective compression")
    curve = _curve(model, inputs, int(total["n_weights"]))
    finite = curve[np.isfinite(curve["effective_compression"])]
    axes.plot(finite["direct_compression"], finite["effective_compression"], label="by magnitude")
    axes.plot(*[[1, finite["direct_compression"].max()]] * 2, ":", color="gray", label="all kept are active")
    if np.isfinite(total["effective_compression"]):
        axes.plot(total["direct_compression"], total["effective_compression"], "o", label="this model")
    axes.set(xscale="log", yscale="log")
    axes.legend(frameon=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix("."))


def _curve(model: nn.Module, inputs, n_weights: int) -> pd.DataFrame:
    names = Connectivity(model, inputs).shapes
    magnitudes = {name: np.abs(weight) for name, weight in weights(model, names).items()}
    return compression_curve(model, magnitudes, inputs, list(np.geomspace(1, max(1, n_weights / 2), POINTS)))
