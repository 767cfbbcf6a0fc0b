"""The command line: effective-sparsity measure, prune, compact."""

import argparse
import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import is_zipfile

from effective_sparsity.errors import UserError

_TARGET = (
    "a torch.export file (.pt2), or module:function, which is called without arguments and returns the model"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code: 0, or 2 after an error that the user can mend."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (UserError, OSError) as error:
        print(f"effective-sparsity: error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="effective-sparsity", description="Effective sparsity of PyTorch models."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    measure = commands.add_parser("measure", help="direct and effective sparsity of each layer")
    measure.set_defaults(command=_measure)
    measure.add_argument(
        "--masks", type=Path, help="safetensors file of masks; default: the weights that are not zero"
    )
    measure.add_argument("--csv", type=Path, help="also write the table to this file")
    measure.add_argument("--json", type=Path, help="also write the table to this file, one record per row")

    prune = commands.add_parser("prune", help="prune a model to a target compression")
    prune.set_defaults(command=_prune)
    prune.add_argument("--pruner", required=True, help="such as random-igq, magnitude-global or lamp")
    prune.add_argument("--compression", type=float, required=True, help="target: all weights over those left")
    prune.add_argument(
        "--criterion",
        choices=("direct", "effective"),
        default="effective",
        help="count kept or active weights",
    )
    prune.add_argument("--seed", type=_seed, default=0, help="of random pruners")
    prune.add_argument("--masks", type=Path, required=True, help="safetensors file to write the masks to")
    prune.add_argument(
        "--output", type=Path, required=True, help="safetensors file to write the pruned checkpoint to"
    )

    compact = commands.add_parser(
        "compact", help="remove what is dead: a smaller model that computes the same"
    )
    compact.set_defaults(command=_compact)
    compact.add_argument(
        "--masks", type=Path, help="safetensors file of masks; default: the weights that are not zero"
    )
    compact.add_argument(
        "--constants",
        choices=("fold", "keep", "train"),
        default="fold",
        help="of units that biases alone feed: into biases or bias maps; into biases only; kept for training",
    )
    compact.add_argument("--output", type=Path, required=True, help="torch.export file (.pt2) to write")
    compact.add_argument("--onnx", type=Path, help="also write the model to this ONNX file")

    for command in (measure, prune, compact):
        command.add_argument("model", help=_TARGET)
        command.add_argument(
            "--checkpoint", type=Path, help="its state: safetensors, or a state dict saved by torch"
        )
        command.add_argument(
            "--input-shape", type=_shape, required=True, help="of one sample, such as 3,32,32"
        )
    return parser


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"0*[1-9]\d*(,0*[1-9]\d*)*", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no shape; give the sizes of one sample, such as 3,32,32"
        )
    return tuple(map(int, text.split(",")))


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a whole number of at least 0")
    return int(text)


def _measure(options: argparse.Namespace) -> None:
    from effective_sparsity.connectivity import sparsity_report

    model = _load(options.model, options.checkpoint)
    table = sparsity_report(model, options.input_shape, _masks(options.masks))
    if options.csv:
        table.to_csv(options.csv, index=False)
    if options.json:
        table.to_json(options.json, orient="records", indent=2)
    _print(table)


def _compact(options: argparse.Namespace) -> None:
    from effective_sparsity.compaction.command import run

    run(options, _load(options.model, options.checkpoint), _masks(options.masks))


def _prune(options: argparse.Namespace) -> None:
    from safetensors.torch import save_file

    from effective_sparsity.connectivity import Connectivity, sparsity_report
    from effective_sparsity.pruning.pruners import PRUNERS, Inputs
    from effective_sparsity.pruning.rank import rank

    usable = {
        name: pruner
        for name, pruner in PRUNERS.items()
        if not (pruner.needs_data or pruner.iterative or pruner.borrows)
    }
    if options.pruner not in usable:
        raise UserError(f"pruner {options.pruner!r} is not one of those without data: {', '.join(usable)}")
    if not options.compression >= 1:
        raise UserError(f"--compression {options.compression:g} is impossible; give at least 1")
    model = _load(options.model, options.checkpoint)
    connectivity = Connectivity(model, options.input_shape)
    # NumPy has no bfloat16.
    weights = {
        name: model.get_parameter(name).detach().cpu().double().numpy() for name in connectivity.shapes
    }
    if not weights:
        raise UserError(f"{options.model} has no linear or convolution layer, so there is nothing to prune")
    inputs = Inputs(
        network=None, initial=weights, prunable=tuple(weights), seed=options.seed, trained=weights
    )
    ranking = rank(usable[options.pruner], inputs, connectivity)
    threshold = ranking.threshold(options.criterion, options.compression)
    if threshold is None or threshold > ranking.n_weights:
        raise UserError(
            f"{options.pruner} cannot reach {options.criterion} compression {options.compression:g} on this "
            "model; give a smaller one"
        )
    import torch

    masks = {name: torch.from_numpy(mask) for name, mask in ranking.kept(threshold).items()}
    state = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    for name, mask in masks.items():
        state[name] *= mask.to(state[name].device)
    save_file(masks, options.masks)
    save_file(state, options.output)
    _print(sparsity_report(model, options.input_shape, masks))


def _load(target: str, checkpoint: Path | None):
    """The model of the command line, with the state of the checkpoint."""
    if target.endswith(".pt2"):
        model = _read_program(Path(target))
    elif ":" in target:
        model = _call(*target.rsplit(":", 1))
    else:
        raise UserError(f"model {target!r} is neither a .pt2 file nor module:function; give {_TARGET}")
    if checkpoint:
        try:
            model.load_state_dict(_tensors(checkpoint))
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{checkpoint} does not fit the model: {reason[:300]}") from error
    return model


def _read_program(path: Path):
    import torch

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


def _call(module: str, function: str):
    import torch

    sys.path.insert(0, "")  # the user's own modules, as with python -m
    try:
        build = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"{module}:{function} cannot be imported ({error}); check the name and the folder"
        ) from error
    try:
        model = build()
    except Exception as error:  # whatever the user's function does
        raise UserError(
            f"{module}:{function}() fails ({type(error).__name__}: {error}); it is called without "
            f"arguments and must return the model"
        ) from error
    if not isinstance(model, torch.nn.Module):
        raise UserError(
            f"{module}:{function} returned {type(model).__name__}; it must return a torch.nn.Module"
        )
    return model


def _tensors(path: Path) -> dict:
    """A state dict from a safetensors file, or from one of torch.save, of which only tensors are loaded."""
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise UserError(f"there is no file {path}; give a safetensors file or a saved state dict")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{path} cannot be read ({reason}); give a safetensors file or a saved state dict"
        ) from error
    if not isinstance(tensors, dict) or not all(
        isinstance(tensor, torch.Tensor) for tensor in tensors.values()
    ):
        raise UserError(f"{path} holds more than tensors by name; save model.state_dict() itself")
    return tensors


def _masks(path: Path | None) -> dict | None:
    return {name: mask.bool() for name, mask in _tensors(path).items()} if path else None


def _print(table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(
        box=box.SIMPLE,
        pad_edge=False,
        caption="sparsity and compression: direct, effective; FLOPs: dense, effective",
    )
    for heading in ("layer", "shape"):
        grid.add_column(heading, overflow="fold")
    for heading in ("weights", "kept", "active", "sparsity", "compression", "FLOPs"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for row in table.itertuples():
        grid.add_row(
            row.layer,
            "x".join(map(str, row.shape)),
            str(row.n_weights),
            str(row.n_kept),
            str(row.n_active),
            f"{row.direct_sparsity:.4f} {row.effective_sparsity:.4f}",
            f"{row.direct_compression:.4g} {row.effective_compression:.4g}",
            f"{row.flops:.3g} {row.effective_flops:.3g}",
            end_section=row.Index == len(table) - 2,
        )
    console = Console()
    console.width = max(console.width, 120)  # rather let the terminal wrap than cut figures off
    console.print(grid)


if __name__ == "__main__":
    sys.exit(main())
