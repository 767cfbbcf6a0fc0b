"""A graph in a file: its steps as JSON, its arrays beside them, nothing that could be executed."""

from dataclasses import fields, is_dataclass

import numpy as np

from effective_sparsity.connectivity import graph, operators, weighted

_KINDS = {
    name: kind
    for module in (graph, operators, weighted)
    for name, kind in vars(module).items()
    if is_dataclass(kind)
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
