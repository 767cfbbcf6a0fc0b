"""A table of sparsity, compression and cost per layer."""

import warnings
from collections.abc import Mapping
from math import nan, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from effective_sparsity.connectivity.network import Connectivity
from effective_sparsity.connectivity.tensors import as_array, masks_of

if TYPE_CHECKING:
    from torch import nn

    from effective_sparsity.connectivity.table import SparsityReport
    from effective_sparsity.connectivity.tensors import Given

_COUNTS = ("n_weights", "n_kept", "n_active", "flops", "direct_flops", "effective_flops", "compact_flops")
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
    "live_inputs",
    "live_outputs",
    "parameters",
    "compact_parameters",
    "compact_flops",
    "bytes",
    "compact_bytes",
]


def sparsity_report(
    model: "nn.Module", inputs, masks: "Mapping[str, Given] | None" = None
) -> "SparsityReport":
    """Direct and effective sparsity of each layer and of the network.

    Args:
        model, inputs: as for `effective_sparsity.effective_scores`.
        masks: parameter name -> boolean mask, True where the weight is kept; weights that are not named are
            kept. By default the masks of ``torch.nn.utils.prune``, and for the other weights those that are
            not zero.

    Returns:
        A DataFrame that prints its main columns. One row per weight, then one named "total", with columns
        layer (parameter name), shape, n_weights,
        n_kept, n_active, direct_sparsity and effective_sparsity (fractions), direct_compression and
        effective_compression (infinite where nothing is left), flops, direct_flops and effective_flops:
        floating point operations of the example (of one sample where a shape is given), two per
        multiplication with a weight, of all weights, of the kept and of the active ones. A weight of a
        convolution counts once per output position, padding included. live_inputs and live_outputs are the
        units with an active weight on that side of the layer; parameters, bytes, compact_parameters,
        compact_flops and compact_bytes count what the layer has, and what `effective_sparsity.compact`
        leaves of it (NaN if the model cannot be compacted). In the total they count the whole model, and
        bytes its buffers too. ``attrs["notes"]`` of the table lists, in sentences, weights that the input
        never meets, and for a collapsed network the layers that were emptied.

    Raises:
        UserError: as for `effective_sparsity.effective_masks`.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
        >>> masks = {"2.weight": torch.tensor([[False, True]])}
        >>> print(sparsity_report(model, inputs=(2,), masks=masks))
                                                 compression
        layer     shape  weights  kept  active  direct  effective
        0.weight    2x2        4     4       2       1          2
        2.weight    1x2        2     1       1       2          2
        total                  6     5       3     1.2          2
        FLOPs of the example: 12 dense, 6 effective; bytes: 36, 20 compacted
    """
    import pandas  # here, because most uses of connectivity need no tables

    from effective_sparsity.connectivity.models import unwrapped
    from effective_sparsity.connectivity.table import SparsityReport

    connectivity = Connectivity(model, inputs)
    masks = connectivity.masks() if masks is None else masks_of(masks)
    dense = {name: np.ones(shape, bool) for name, shape in connectivity.shapes.items()}
    kept = dense | {connectivity.signature.canonical(name): as_array(mask) for name, mask in masks.items()}
    active = connectivity.effective_masks(kept)
    flops = [connectivity.flops(subnetwork) for subnetwork in (dense, kept, active)]
    live = live_units(connectivity, active)
    pruned = not all(as_array(mask).all() for mask in active.values())
    small = _compacted(model, inputs, masks) if pruned else unwrapped(model)
    model = unwrapped(model)
    rows: list[dict[str, Any]] = [
        {
            "layer": name,
            "shape": shape,
            "n_weights": prod(shape),
            "n_kept": int(kept[name].sum()),
            "n_active": int(active[name].sum()),
            "flops": flops[0][name],
            "direct_flops": flops[1][name],
            "effective_flops": flops[2][name],
            "compact_flops": flops[0][name] / prod(shape) * _n_elements(small, name),
            "live_inputs": live[name][0],
            "live_outputs": live[name][1],
            **_sizes(_layer(model, name), ""),
            **_sizes(_layer(small, name), "compact_"),
        }
        for name, shape in connectivity.shapes.items()
    ]
    total = {
        "layer": "total",
        "shape": (),
        **{column: sum(row[column] for row in rows) for column in (*_COUNTS, "live_inputs", "live_outputs")},
        **_sizes(model, ""),
        **_sizes(small, "compact_"),
    }
    table = pandas.DataFrame([*rows, total])
    for kind, left in (("direct", "n_kept"), ("effective", "n_active")):
        table[f"{kind}_sparsity"] = 1 - table[left] / table["n_weights"]
        table[f"{kind}_compression"] = table["n_weights"] / table[left]
    report = SparsityReport(table[_COLUMNS])
    report.attrs["notes"] = _notes(connectivity, rows)
    return report


def live_units(connectivity: Connectivity, active: "Mapping[str, Given]") -> dict[str, tuple[int, int]]:
    """How many inputs and outputs of each weight have an active weight; the most, if it has several uses."""
    found = dict.fromkeys(connectivity.shapes, (0, 0))
    for step in connectivity.graph.weighted_steps:
        name = step.weight.parameter
        if name in found:
            live = step.operator.live(step.weight.of(as_array(active[name])))
            found[name] = max(found[name][0], live[0]), max(found[name][1], live[1])
    return found


def _compacted(model: "nn.Module", inputs, masks: "Mapping[str, Given]") -> "nn.Module | None":
    """The compacted model; None if it cannot be compacted, for whatever reason: the rest of the table can."""
    from effective_sparsity.compaction import compact

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no path is left can be read off the table
            return compact(model, masks, inputs)
    except Exception:
        return None


def _layer(model: "nn.Module | None", parameter: str) -> "nn.Module | None":
    """The layer of a parameter; an empty one if it is gone, None if there is no model."""
    from torch import nn

    try:
        return model and model.get_submodule(parameter.rpartition(".")[0])
    except AttributeError:
        return nn.Identity()


def _n_elements(model: "nn.Module | None", parameter: str) -> float:
    weight = getattr(_layer(model, parameter), parameter.rpartition(".")[2], None)
    return nan if model is None else 0 if weight is None else weight.numel()


def _sizes(module: "nn.Module | None", prefix: str) -> dict[str, float]:
    """Parameters, and bytes of all tensors."""
    if module is None:
        return {f"{prefix}parameters": nan, f"{prefix}bytes": nan}
    parameters = list(module.parameters())
    tensors = [*parameters, *module.buffers()]
    return {
        f"{prefix}parameters": sum(parameter.numel() for parameter in parameters),
        f"{prefix}bytes": sum(tensor.nbytes for tensor in tensors),
    }


def _notes(connectivity: Connectivity, rows: list[dict]) -> list[str]:
    notes = []
    if connectivity.unreached:
        names = ", ".join(connectivity.unreached)
        notes.append(f"not counted, because the input never meets them: {names}")
    if not any(row["n_active"] for row in rows):
        emptied = [row["layer"] for row in rows if not row["n_kept"]]
        cause = (
            f"nothing is left of {', '.join(emptied)}"
            if emptied
            else "no layer is empty, but no path is whole"
        )
        notes.append(f"the network is disconnected: {cause}")
    return notes
