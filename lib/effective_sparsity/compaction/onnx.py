"""Networks as programs and ONNX files."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from effective_sparsity.errors import UserError
from effective_sparsity.storage import replacing

# A value in a sparse initializer has an index of 8 bytes beside it.
_INDEX_BYTES = 8


def exported(model: nn.Module, input_shape: Sequence[int]) -> torch.export.ExportedProgram:
    """A model, in evaluation mode, as a program for any batch size."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    # Not a single sample, which would make the batch size a constant.
    sample = torch.zeros((2, *input_shape), dtype=like.dtype, device=like.device)
    training = {module: module.training for module in model.modules()}
    try:
        return torch.export.export(model.eval(), (sample,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    finally:
        for module, mode in training.items():
            module.training = mode


def save_onnx(model: nn.Module, input_shape: Sequence[int], path: Path | str, sparse: bool = False) -> None:
    """Writes a model, in evaluation mode, as an ONNX file for any batch size, atomically.

    Args:
        model: such as `compact` returns.
        input_shape: shape of one sample without the batch.
        path: of the file.
        sparse: store weights as sparse initializers where that takes less space. The runtime makes them dense
            when it loads the file, so this changes neither results nor speed.

    Raises:
        UserError: onnx and onnxscript are missing, or the model cannot be exported.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"ONNX export needs {error.name}; pip install 'effective-sparsity[onnx]'") from error
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(exported(model, input_shape), dynamo=True, verbose=False)
    except Exception as error:  # whatever the exporter does not support
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"the model cannot be exported to ONNX: {type(error).__name__}: {reason}") from error
    finally:
        logger.setLevel(level)
    assert program is not None  # as it is without dynamo
    proto = program.model_proto
    if sparse:
        _make_sparse(proto.graph)
    with replacing(path) as temporary:
        onnx.save(proto, temporary)


def _make_sparse(graph: Any) -> None:
    """Moves initializers of an ONNX graph to its sparse initializers where that takes less space."""
    from onnx import helper, numpy_helper

    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        places = np.flatnonzero(values)
        if (
            values.ndim == 0
            or len(places) * (values.itemsize + _INDEX_BYTES) >= values.nbytes
            or not len(places)
        ):
            continue
        kept = numpy_helper.from_array(values.reshape(-1)[places], tensor.name)
        indices = numpy_helper.from_array(places.astype(np.int64), f"{tensor.name}_indices")
        graph.initializer.remove(tensor)
        graph.sparse_initializer.append(helper.make_sparse_tensor(kept, indices, list(values.shape)))
