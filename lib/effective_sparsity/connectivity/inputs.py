"""Example inputs as models take them, and the tensors in nested inputs and outputs."""

import copy
import dataclasses
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from effective_sparsity.errors import UserError


@dataclasses.dataclass
class Arguments:
    """What a model is called with.

    Attributes:
        args, kwargs: positional and keyword arguments; tensors at any depth of tuples, lists, mappings and
            dataclasses.
        fixed: names of keyword arguments that keep the values of the example.
    """

    args: tuple
    kwargs: dict[str, Any]
    fixed: Collection[str] = ()

    def replaced(self, replacement: Callable[[str, Tensor], Tensor]) -> "Arguments":
        """The arguments with other tensors in the place of those that may vary.

        Booleans select positions, which is structure; they and the fixed arguments stay what they are.
        """

        def replace(path: str, tensor: Tensor) -> Tensor:
            return tensor if tensor.dtype == torch.bool else replacement(path, tensor)

        args = tuple(map_tensors(replace, arg, str(i)) for i, arg in enumerate(self.args))
        kwargs = {
            name: value if name in self.fixed else map_tensors(replace, value, name)
            for name, value in self.kwargs.items()
        }
        return Arguments(args, kwargs)

    def __str__(self) -> str:
        named = [*((str(i), arg) for i, arg in enumerate(self.args)), *self.kwargs.items()]
        tensors = [(path, tensor) for name, value in named for path, tensor in tensors_of(value, name)]
        if not self.kwargs and len(tensors) == 1:
            return f"an input of shape {tuple(tensors[0][1].shape)}"
        return "inputs " + ", ".join(f"{path} of shape {tuple(tensor.shape)}" for path, tensor in tensors)


def arguments_of(inputs, fixed: Collection[str], dtype: torch.dtype) -> Arguments:
    """The arguments that example inputs stand for.

    Args:
        inputs: the shape of one sample without the batch; or a tensor; or a tuple or list of positional
            arguments; or a mapping of keyword arguments.
        fixed: names of keyword arguments that keep their values.
        dtype: of the sample that a shape stands for.

    Raises:
        UserError: they are none of these.
    """
    shape = _shape(inputs)
    if shape is not None:
        return Arguments((torch.empty((1, *shape), dtype=dtype, device="meta"),), {})
    if isinstance(inputs, (Tensor, np.ndarray)):
        return Arguments((torch.as_tensor(inputs),), {})
    if isinstance(inputs, Mapping):
        if unknown := [name for name in fixed if name not in inputs]:
            raise UserError(f"fixed names {unknown[0]!r}, which is none of the inputs {', '.join(inputs)}")
        return Arguments((), {name: _tensor(value) for name, value in inputs.items()}, fixed)
    if isinstance(inputs, (tuple, list)) and any(True for _ in tensors_of(inputs)):
        return Arguments(tuple(map(_tensor, inputs)), {})
    raise UserError(
        f"inputs {inputs!r} is not a shape; give the sizes of one sample without the batch, such as "
        "(3, 32, 32), or example inputs: a tensor, a tuple of arguments or a dict of keyword arguments"
    )


def _shape(inputs) -> tuple[int, ...] | None:
    if not isinstance(inputs, (tuple, list)):
        return None
    try:
        shape = tuple(map(operator.index, inputs))
    except TypeError:
        return None
    return None if any(size < 0 for size in shape) else shape


def _tensor(value):
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def tensors_of(structure, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors in nested tuples, lists, mappings and dataclasses, with their paths, such as "boxes.0"."""
    if isinstance(structure, Tensor):
        yield path, structure
    for key, part in _parts(structure):
        yield from tensors_of(part, f"{path}.{key}".removeprefix("."))


def map_tensors(function: Callable[[str, Tensor], Tensor], structure, path: str = ""):
    """A copy of a nested structure with other tensors; the function is given paths and tensors."""
    if isinstance(structure, Tensor):
        return function(path, structure)
    parts = {key: map_tensors(function, part, f"{path}.{key}") for key, part in _parts(structure)}
    if not parts:
        return structure
    if isinstance(structure, (tuple, list)):
        named = hasattr(structure, "_fields")
        return type(structure)(*parts.values()) if named else type(structure)(parts.values())
    twin = copy.copy(structure)
    for key, part in parts.items():
        if isinstance(structure, Mapping):
            twin[key] = part
        else:
            object.__setattr__(twin, key, part)
    return twin


def _parts(structure) -> list[tuple[Any, Any]]:
    if isinstance(structure, Mapping):
        return list(structure.items())
    if isinstance(structure, (tuple, list)):
        return list(enumerate(structure))
    if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
        return [(field.name, getattr(structure, field.name)) for field in dataclasses.fields(structure)]
    return []
