"""Models and checkpoints, as they are named on the command line."""

import ast
import importlib
import json
import pickle
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from effective_sparsity.errors import UserError

# Where training scripts keep the state dict among other things.
_STATE_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "net", "params")
# Prefixes of names that wrappers leave in a state dict.
_PREFIXES = ("module.", "_orig_mod.", "model.")


def load_model(target: str, checkpoint: Path | None) -> nn.Module:
    """The model of the command line, with the state of the checkpoint.

    Raises:
        UserError: the model cannot be made, or the checkpoint does not fit it.
    """
    if target.endswith(".pt2"):
        model = _read_program(Path(target))
    elif ":" in target.partition("(")[0]:
        model = _call(target)
    else:
        raise UserError(f"model {target!r} is neither a .pt2 file nor module:function")
    if checkpoint:
        state = _fitted(read_state(checkpoint), model.state_dict().keys())
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{checkpoint} does not fit the model: {reason[:300]}") from error
    return model


def weights(model: nn.Module, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Weights by name, as the model computes them; in float64, as NumPy has no bfloat16."""
    arrays = {}
    for name in names:
        layer, _, attribute = name.rpartition(".")
        weight = getattr(model.get_submodule(layer), attribute)
        arrays[name] = weight.detach().cpu().double().numpy()
    return arrays


def _read_program(path: Path) -> nn.Module:
    if not path.is_file():
        raise UserError(f"there is no file {path}; write it with torch.export.save")
    if not is_zipfile(path):  # of which PyTorch would log a traceback
        raise UserError(f"{path} is not a torch.export file; write it with torch.export.save")
    try:
        return torch.export.load(path).module()
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(
            f"{path} is not a torch.export file ({error}); write it with torch.export.save"
        ) from error


def _call(target: str) -> nn.Module:
    name, args, kwargs = _parsed(target)
    module, _, function = name.rpartition(":")
    sys.path.insert(0, "")  # the user's own modules, as with python -m
    try:
        build = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{name} cannot be imported ({error}); check the name and the folder") from error
    try:
        model = build(*args, **kwargs)
    except Exception as error:  # whatever the user's function does
        raise UserError(
            f"{name}() fails ({type(error).__name__}: {error}); give its arguments in brackets, such as "
            f"'{name}(\"small\", depth=2)'"
        ) from error
    if not isinstance(model, nn.Module):
        raise UserError(f"{name} returned {type(model).__name__}; it must return a torch.nn.Module")
    return model


def _parsed(target: str) -> tuple[str, list[Any], dict[str, Any]]:
    """module:function, and literal arguments in brackets."""
    name, bracket, rest = target.partition("(")
    if not bracket:
        return name, [], {}
    try:
        call = ast.parse(f"function({rest}", mode="eval").body
        if not isinstance(call, ast.Call):
            raise ValueError("not a call")
        args = [ast.literal_eval(argument) for argument in call.args]
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"the arguments in {target!r} cannot be read; give numbers, quoted strings, lists, True or None"
        ) from error
    return name, args, kwargs


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file; where it lies among other things, such as {"state_dict": ...}, it is found.

    Raises:
        UserError: there is no such file, or it holds no state dict.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; give a safetensors file or a saved state dict")
    try:
        if path.suffix == ".json":
            return _read_shards(path)
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{path} cannot be read ({reason}); give a safetensors file or a saved state dict"
        ) from error
    for candidate in (content, *(_get(content, key) for key in _STATE_KEYS)):
        if isinstance(candidate, Mapping) and candidate and _all_tensors(candidate):
            return dict(candidate)
    raise UserError(f"{path} holds more than tensors by name; save model.state_dict() itself")


def _get(content: Any, key: str) -> Any:
    return content.get(key) if isinstance(content, Mapping) else None


def _all_tensors(candidate: Mapping) -> bool:
    return all(isinstance(tensor, Tensor) for tensor in candidate.values())


def _read_shards(index: Path) -> dict[str, Tensor]:
    try:
        shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{index} is not an index of a sharded checkpoint; it has no weight_map from names to files"
        ) from error
    state: dict[str, Tensor] = {}
    for shard in shards:
        state |= read_state(index.parent / shard)
    return state


def _fitted(state: dict[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """A state with the names of the model: without the prefixes of wrappers, with masks applied."""
    for prefix in _PREFIXES:
        wrapped = all(name.startswith(prefix) for name in state)
        if wrapped and not all(name.startswith(prefix) for name in expected):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    fitted = {}
    for name, tensor in state.items():
        base = name.removesuffix("_orig")
        if name.endswith("_mask") and f"{name.removesuffix('_mask')}_orig" in state and name not in expected:
            continue
        masked = base != name and f"{base}_mask" in state and name not in expected
        fitted[base if masked else name] = tensor * state[f"{base}_mask"] if masked else tensor
    return fitted
