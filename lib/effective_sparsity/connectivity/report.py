"""A table of sparsity, compression and cost per layer."""

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from effective_sparsity.connectivity.network import Connectivity
from effective_sparsity.connectivity.tensors import as_array, masks_of

if TYPE_CHECKING:
    import pandas
    from torch import nn

    from effective_sparsity.connectivity.tensors import Given

_COUNTS = ("n_weights", "n_kept", "n_active", "flops", "direct_flops", "effective_flops")
_COLUMNS = [
    "layer",
    "shape",
    "n_weights",
    "n_kept",
    "n_active",
    "direct_sparsity",
    "effective_sparsity",
    "direct_compression",
    "effective_compression",
    "flops",
    "direct_flops",
    "effective_flops",
]


def sparsity_report(
    model: "nn.Module", inputs, masks: "Mapping[str, Given] | None" = None
) -> "pandas.DataFrame":
    """Direct and effective sparsity of each layer and of the network.

    Args:
        model, inputs: as for :func:`effective_sparsity.effective_scores`.
        masks: parameter name -> boolean mask, True where the weight is kept; weights that are not named are
            kept. By default the masks of ``torch.nn.utils.prune``, and for the other weights those that are
            not zero.

    Returns:
        One row per weight, then one named "total", with columns layer (parameter name), shape, n_weights,
        n_kept, n_active, direct_sparsity and effective_sparsity (fractions), direct_compression and
        effective_compression (infinite where nothing is left), flops, direct_flops and effective_flops:
        floating point operations for one sample, two per multiplication with a weight, of all weights, of the
        kept and of the active ones. A weight of a convolution counts once per output position, padding
        included. ``attrs["notes"]`` of the table lists, in sentences, weights that the input never meets and
        operations that were assumed to conduct all, and for a collapsed network the layers that were emptied.

    Raises:
        UserError: as for :func:`effective_sparsity.effective_masks`.
    """
    import pandas  # here, because most of those who need connectivity need no tables

    connectivity = Connectivity(model, inputs)
    masks = connectivity.masks() if masks is None else masks_of(masks)
    dense = {name: np.ones(shape, bool) for name, shape in connectivity.shapes.items()}
    kept = dense | {name: as_array(mask) for name, mask in masks.items()}
    active = connectivity.effective_masks(kept)
    flops = [connectivity.flops(subnetwork) for subnetwork in (dense, kept, active)]
    rows = [
        {
            "layer": name,
            "shape": shape,
            "n_weights": prod(shape),
            "n_kept": int(kept[name].sum()),
            "n_active": int(active[name].sum()),
            "flops": flops[0][name],
            "direct_flops": flops[1][name],
            "effective_flops": flops[2][name],
        }
        for name, shape in connectivity.shapes.items()
    ]
    total = {
        "layer": "total",
        "shape": (),
        **{column: sum(row[column] for row in rows) for column in _COUNTS},
    }
    table = pandas.DataFrame([*rows, total])
    for kind, left in (("direct", "n_kept"), ("effective", "n_active")):
        table[f"{kind}_sparsity"] = 1 - table[left] / table["n_weights"]
        table[f"{kind}_compression"] = table["n_weights"] / table[left]
    table.attrs["notes"] = _notes(connectivity, rows)
    return table[_COLUMNS]


def _notes(connectivity: Connectivity, rows: list[dict]) -> list[str]:
    notes = []
    if connectivity.unreached:
        names = ", ".join(connectivity.unreached)
        notes.append(f"not counted, because the input never meets them: {names}")
    if connectivity.assumed:
        notes.append(f"assumed to join all inputs to all results: {', '.join(connectivity.assumed)}")
    if not any(row["n_active"] for row in rows):
        emptied = [row["layer"] for row in rows if not row["n_kept"]]
        cause = (
            f"nothing is left of {', '.join(emptied)}"
            if emptied
            else "no layer is empty, but no path is whole"
        )
        notes.append(f"the network is disconnected: {cause}")
    return notes
