"""A graph in a file: its steps as JSON, its arrays beside them, nothing that could be executed."""

from dataclasses import fields, is_dataclass

import numpy as np

from effective_sparsity.connectivity import operators, weighted
from effective_sparsity.connectivity.graph import Graph, Operand, Step, WeightedStep
from effective_sparsity.connectivity.windows import Window

_KINDS = {
    kind.__name__: kind
    for kind in (
        Graph,
        Step,
        WeightedStep,
        Operand,
        Window,
        operators.Accumulation,
        operators.ActivationProduct,
        operators.AdaptivePooling,
        operators.Attention,
        operators.Concatenation,
        operators.Links,
        operators.Pooling,
        operators.Rearrangement,
        operators.Reduction,
        operators.Union,
        weighted.ActivationTimesWeight,
        weighted.Convolution,
        weighted.Lookup,
        weighted.TransposedConvolution,
        weighted.WeightTimesActivation,
    )
}


def to_json(part, arrays: dict[str, np.ndarray]):
    """A graph, or a part of one, as JSON-able data; its arrays are added to `arrays` under new names."""
    if is_dataclass(part):
        values = {field.name: to_json(getattr(part, field.name), arrays) for field in fields(part)}
        return {"kind": type(part).__name__, **values}
    if isinstance(part, tuple):
        return [to_json(item, arrays) for item in part]
    if isinstance(part, np.ndarray):
        name = str(len(arrays))
        arrays[name] = part
        return {"array": name}
    return part


def from_json(data, arrays):
    """The inverse of `to_json`.

    Raises:
        KeyError, TypeError: the data are no graph.
    """
    if isinstance(data, list):
        return tuple(from_json(item, arrays) for item in data)
    if not isinstance(data, dict):
        return data
    if "array" in data:
        return arrays[data["array"]]
    kind = _KINDS[data["kind"]]
    return kind(**{name: from_json(value, arrays) for name, value in data.items() if name != "kind"})
