"""What `effective-sparsity compact` does with a model and its masks."""

import argparse
import warnings
from collections.abc import Mapping

import pandas
import torch
from torch import Tensor, nn

from effective_sparsity.compaction.compacting import Compaction, compaction
from effective_sparsity.compaction.layers import ConstantOutputs
from effective_sparsity.compaction.onnx import exported, save_onnx
from effective_sparsity.compaction.plain import sample_shape
from effective_sparsity.errors import UserError
from effective_sparsity.storage import replacing


def run(options: argparse.Namespace, model: nn.Module, inputs, masks: Mapping[str, Tensor] | None) -> None:
    """Compacts the model, writes --output and --onnx, and prints what became of each layer."""
    shape = sample_shape(inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no path is left is printed below
        result = compaction(model, masks, shape, options.constants)
    if not result.widths and not isinstance(result.model, ConstantOutputs):
        raise UserError(
            f"{options.model} has no layer that can be narrowed; give a model that is built of layers of "
            "torch.nn, as module:function"
        )
    program = exported(result.model, shape)
    with replacing(options.output) as temporary, temporary.open("wb") as file:
        torch.export.save(program, file)
    if options.onnx:
        save_onnx(result.model, shape, options.onnx, sparse=True)
    _print(model, result)


def _print(model: nn.Module, result: Compaction) -> None:
    rows = [(width.layer, width.side, f"{width.kept} of {width.before}") for width in result.widths]
    if rows:
        print(pandas.DataFrame(rows, columns=["layer", "units", "kept"]).to_string(index=False))
    for width in result.widths:
        for reason, count in width.reasons.items():
            print(f"{count} dead {width.side} of {width.layer} are kept: {reason}")
    if isinstance(result.model, ConstantOutputs):
        print("no path is left from the inputs to the outputs: the network is a constant")
    before, after = (sum(p.numel() for p in network.parameters()) for network in (model, result.model))
    print(f"{before:,} parameters before, {after:,} after")
    if result.replaced:
        print(f"constant now: {', '.join(result.replaced)}")
    if result.dropped:
        print(f"no longer needed: {', '.join(result.dropped)}")
