"""The command line: effective-sparsity measure, prune, compact."""

import argparse
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

from effective_sparsity.errors import UserError, exit_code
from effective_sparsity.storage import replacing

_TARGET = (
    "a torch.export file (.pt2), or module:function that returns the model, also with arguments: "
    "'timm:create_model(\"resnet18\")'"
)
_CHECKPOINT = (
    "weights of the model: safetensors, a state dict saved by torch (only tensors are loaded), or an index "
    "of shards (.index.json)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code: 0, or 2 after an error that the user can fix."""
    options = _parser().parse_args(arguments)

    def command() -> None:
        _check_paths(options)
        options.command(options)

    return exit_code(command, prefix="effective-sparsity: ")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="effective-sparsity", description="Effective sparsity of PyTorch models."
    )
    parser.add_argument("--version", action="version", version=version("effective-sparsity"))
    commands = parser.add_subparsers(required=True, metavar="command")

    measure = commands.add_parser("measure", help="direct and effective sparsity of each layer")
    measure.set_defaults(command=_measure, written=("csv", "json", "curve"))
    measure.add_argument(
        "--masks", type=Path, help="safetensors file of masks; default: the weights that are not zero"
    )
    measure.add_argument(
        "--curve",
        type=Path,
        help="also draw effective against direct compression of its weights by magnitude (.png, .pdf, .svg)",
    )
    measure.add_argument("--csv", type=Path, help="also write the table to this file")
    measure.add_argument("--json", type=Path, help="also write the table to this file, one record per row")

    prune = commands.add_parser("prune", help="prune a model to a target compression")
    prune.set_defaults(command=_prune, written=("masks", "output"))
    prune.add_argument("--pruner", required=True, help="such as random-igq, magnitude-global or lamp")
    prune.add_argument(
        "--compression", type=float, required=True, help="target: all weights divided by the remaining ones"
    )
    prune.add_argument(
        "--criterion",
        choices=("direct", "effective"),
        default="effective",
        help="what the target counts: kept (direct) or active (effective) weights; default: effective",
    )
    prune.add_argument("--seed", type=_seed, default=0, help="seed of random pruners (default: 0)")
    prune.add_argument("--masks", type=Path, required=True, help="safetensors file to write the masks to")
    prune.add_argument(
        "--output", type=Path, required=True, help="safetensors file to write the pruned checkpoint to"
    )

    compact = commands.add_parser(
        "compact", help="remove what is dead: a smaller model that computes the same"
    )
    compact.set_defaults(command=_compact, written=("output", "onnx"))
    compact.add_argument(
        "--masks", type=Path, help="safetensors file of masks; default: the weights that are not zero"
    )
    compact.add_argument(
        "--constants",
        choices=("fold", "keep", "train"),
        default="fold",
        help="units that only biases feed: fold them into biases and bias maps (default), keep ordinary "
        "layers, or keep the result trainable",
    )
    compact.add_argument("--output", type=Path, required=True, help="torch.export file (.pt2) to write")
    compact.add_argument("--onnx", type=Path, help="also write the model to this ONNX file")

    for command in (measure, prune, compact):
        command.add_argument("model", help=_TARGET)
        command.add_argument("--checkpoint", type=Path, help=_CHECKPOINT)
        inputs = command.add_mutually_exclusive_group(required=True)
        inputs.add_argument(
            "--input-shape", type=_shape, help="shape of one sample without the batch, such as 3,32,32"
        )
        inputs.add_argument(
            "--inputs", type=Path, help="safetensors file of example inputs, named like the model's arguments"
        )
    return parser


def _inputs(options: argparse.Namespace):
    from effective_sparsity.command_line.loading import read_state

    return read_state(options.inputs) if options.inputs else options.input_shape


def _masks(options: argparse.Namespace):
    from effective_sparsity.command_line.loading import read_state

    return read_state(options.masks) if options.masks else None


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"0*[1-9]\d*(,0*[1-9]\d*)*", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a shape; give the sizes of one sample, such as 3,32,32"
        )
    return tuple(map(int, text.split(",")))


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed; give a whole number of at least 0")
    return int(text)


def _check_paths(options: argparse.Namespace) -> None:
    """Refuse to write where there is no folder, or over a file of the same command but the checkpoint."""
    paths = {name: path for name, path in vars(options).items() if isinstance(path, Path)}
    for name in paths.keys() & set(options.written):
        if not paths[name].parent.is_dir():
            raise UserError(
                f"--{name} {paths[name]}: there is no folder {paths[name].parent}; create it first"
            )
    for name, other in combinations(paths, 2):
        same = paths[name].resolve() == paths[other].resolve()
        if same and {name, other} & set(options.written) and {name, other} != {"checkpoint", "output"}:
            raise UserError(f"--{name} and --{other} are the same file, {paths[name]}; give one another name")


def _measure(options: argparse.Namespace) -> None:
    from effective_sparsity.command_line.loading import load_model
    from effective_sparsity.connectivity import sparsity_report

    model = load_model(options.model, options.checkpoint)
    table = sparsity_report(model, _inputs(options), _masks(options))
    if options.csv:
        with replacing(options.csv) as temporary:
            table.to_csv(temporary, index=False)
    if options.json:
        with replacing(options.json) as temporary:
            table.to_json(temporary, orient="records", indent=2)
    if options.curve:
        from effective_sparsity.command_line.pictures import draw_curve

        draw_curve(model, _inputs(options), table.iloc[-1], options.curve)
    print(table)


def _compact(options: argparse.Namespace) -> None:
    from effective_sparsity.command_line.loading import load_model
    from effective_sparsity.compaction.command import run

    run(options, load_model(options.model, options.checkpoint), _inputs(options), _masks(options))


def _prune(options: argparse.Namespace) -> None:
    from safetensors.torch import save

    from effective_sparsity.command_line.loading import load_model, weights
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
    model = load_model(options.model, options.checkpoint)
    connectivity = Connectivity(model, _inputs(options))
    trained = weights(model, connectivity.shapes)
    if not trained:
        raise UserError(f"{options.model} has no linear or convolution layer, so there is nothing to prune")
    inputs = Inputs(
        network=None, initial=trained, prunable=tuple(trained), seed=options.seed, trained=trained
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
        if name not in state:
            raise UserError(
                f"{name} is computed from other tensors of the state; make it a plain weight first"
            )
        state[name] *= mask.to(state[name].device)
    for path, tensors in {options.masks: masks, options.output: state}.items():
        with replacing(path) as temporary:
            # Not save_file, which makes files that others may not read.
            temporary.write_bytes(save(tensors))
    print(sparsity_report(model, _inputs(options), masks))


if __name__ == "__main__":
    sys.exit(main())
