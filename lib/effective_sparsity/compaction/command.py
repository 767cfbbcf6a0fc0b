"""What `effective-sparsity compact` does with a model and its masks."""

import argparse
import warnings
from collections.abc import Mapping

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from effective_sparsity.compaction.compacting import Compaction, compaction
from effective_sparsity.compaction.onnx import save_onnx
from effective_sparsity.errors import UserError
from effective_sparsity.storage import replacing


def run(options: argparse.Namespace, model: nn.Module, masks: Mapping[str, Tensor] | None) -> None:
    """Compacts the model, writes --output and --onnx, and prints what became of each layer."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = compaction(model, masks, options.input_shape, options.constants)
    if not (result.widths or result.masks) and not caught:
        raise UserError(
            f"{options.model} has no layer that can be narrowed; give a model that is built of layers of "
            "torch.nn, as module:function"
        )
    small = result.model.eval()
    like = next(
        (tensor for tensor in small.state_dict().values() if tensor.is_floating_point()), torch.empty(0)
    )
    sample = torch.zeros((2, *options.input_shape), dtype=like.dtype)
    program = torch.export.export(small, (sample,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    with replacing(options.output) as temporary, temporary.open("wb") as file:
        torch.export.save(program, file)
    if options.onnx:
        save_onnx(small, options.input_shape, options.onnx, sparse=True)
    _print(model, result)


def _print(model: nn.Module, result: Compaction) -> None:
    console = Console()
    console.width = max(console.width, 120)  # rather let the terminal wrap than cut figures off
    grid = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("layer", "units", "kept of", "dead units that are kept, because"):
        grid.add_column(heading, overflow="fold", justify="right" if heading == "kept of" else "left")
    for width in result.widths:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in width.reasons.items())
        grid.add_row(width.layer, width.side, f"{width.kept} of {width.before}", reasons)
    console.print(grid)
    before, after = (sum(p.numel() for p in network.parameters()) for network in (model, result.model))
    console.print(f"{before:,} parameters before, {after:,} after")
    if result.replaced:
        console.print(f"constant now: {', '.join(result.replaced)}")
    if result.dropped:
        console.print(f"not needed any more: {', '.join(result.dropped)}")
