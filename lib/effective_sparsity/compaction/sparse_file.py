"""State dicts in small files: of a sparse tensor a bit per element, and the values that are not zero."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.storage import replacing

_PLACES, _VALUES = "/places", "/values"


def save_sparse(state: Mapping[str, Tensor], path: Path | str) -> None:
    """Writes a state dict to a safetensors file, atomically; a tensor is stored sparse where that is smaller.

    `load_sparse` reads it. A sparse tensor takes one bit per element, and the bytes of its values that are
    not zero: with float32, less than dense storage from a sparsity of 1/32 on.
    """
    stored: dict[str, Tensor] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().contiguous()
        places = tensor.reshape(-1) != 0
        packed = torch.from_numpy(np.packbits(places.numpy()))
        values = tensor.reshape(-1)[places]
        if packed.nbytes + values.nbytes < tensor.nbytes:
            stored |= {name + _PLACES: packed, name + _VALUES: values}
            shapes[name] = tuple(tensor.shape)
        else:
            stored[name] = tensor.clone()
    with replacing(path) as temporary:
        temporary.write_bytes(save(stored, {"names": json.dumps(list(state)), "shapes": json.dumps(shapes)}))


def load_sparse(path: Path | str) -> dict[str, Tensor]:
    """The state dict in a file of `save_sparse`, for ``model.load_state_dict``.

    Raises:
        DamagedFileError: the file is damaged, or was written by something else.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no mapping)
        shapes = json.loads(metadata["shapes"])
        return {
            name: _dense(stored[name + _PLACES], stored[name + _VALUES], shapes[name])
            if name in shapes
            else stored[name]
            for name in json.loads(metadata["names"])
        }
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise DamagedFileError(path, error) from error


def _dense(packed: Tensor, values: Tensor, shape: list[int]) -> Tensor:
    tensor = torch.zeros(shape, dtype=values.dtype)
    places = torch.from_numpy(np.unpackbits(packed.numpy(), count=tensor.numel())).bool()
    tensor.view(-1)[places] = values
    return tensor
