"""Networks as ONNX files."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from effective_sparsity.errors import UserError
from effective_sparsity.storage import replacing


def save_onnx(model: nn.Module, input_shape: Sequence[int], path: Path | str) -> None:
    """Writes a model, in evaluation mode, as an ONNX file for any batch size, atomically.

    Args:
        model: such as `compact` returns.
        input_shape: shape of one sample without the batch.
        path: of the file.

    Raises:
        UserError: onnx and onnxscript are missing, or the model cannot be exported.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"ONNX export needs {error.name}; pip install 'effective-sparsity[onnx]'") from error
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    sample = torch.zeros(
        (2, *input_shape), dtype=like.dtype, device=like.device
    )  # 1 would be made a constant
    training = {module: module.training for module in model.modules()}
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model.eval(),
                (sample,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                verbose=False,
            )
    except Exception as error:  # whatever the exporter does not support
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"the model cannot be exported to ONNX: {type(error).__name__}: {reason}") from error
    finally:
        logger.setLevel(level)
        for module, mode in training.items():
            module.training = mode
    with replacing(path) as temporary:
        onnx.save(program.model_proto, temporary)
