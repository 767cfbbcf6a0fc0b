"""How much disk a study takes, from its plan and its networks.

python -m effective_sparsity.study.disk studies/paper.yaml
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import Network
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.config import StudyConfig, read_config
from effective_sparsity.study.include import with_included
from effective_sparsity.study.plan import Plan
from effective_sparsity.training.recipe import Recipe

# Effective pruning keeps more weights than direct pruning to the same compression, the more the worse the
# pruner. Over the levels of the paper trained networks of random-uniform take 1.2 (VGG-16) to 1.9 times
# (LeNet-5) the bytes, those of the other pruners at most 1.3 times; all are taken for twice as large.
EFFECTIVE_EXCESS = 2

_FLOAT = _INDEX = _PRIORITY = 4  # bytes
_HISTORY_ROW = 4 * 8
_HEADER = 140  # of a tensor: its name, type, shape and place in the header of its file


@dataclass(frozen=True)
class Footprint:
    """What a network takes on disk.

    Attributes:
        n_weights: prunable weights.
        other_bytes: bytes of all else in its state: biases, batch norm.
        n_layers: prunable tensors.
        n_tensors: all tensors.
    """

    n_weights: int
    other_bytes: int
    n_layers: int
    n_tensors: int

    @classmethod
    def of(cls, network: Network) -> "Footprint":
        """That of a network of the study (imports torch)."""
        import torch

        from effective_sparsity.networks.prunable import kernels

        with torch.device("meta"):
            model = network.build()
        n_weights = sum(weight.numel() for weight in kernels(model).values())
        all_bytes = sum(tensor.nbytes for tensor in model.state_dict().values())
        return cls(n_weights, all_bytes - _FLOAT * n_weights, len(kernels(model)), len(model.state_dict()))

    @property
    def dense_bytes(self) -> int:
        """Bytes of the whole state."""
        return _FLOAT * self.n_weights + self.other_bytes + _HEADER * self.n_tensors

    @property
    def ranking_bytes(self) -> int:
        """Bytes of the priorities of all weights."""
        return _PRIORITY * self.n_weights + _HEADER * (self.n_layers + 1)

    def trained_bytes(self, n_kept: int, n_evaluations: int) -> int:
        """Bytes of a trained network with `n_kept` weights: values, places, all else, and the history.

        An upper limit: each layer stores its places as bits or as indices, whichever are fewer bytes.
        """
        places = min(self.n_weights / 8 + self.n_layers, _INDEX * n_kept)
        headers = _HEADER * (self.n_tensors + self.n_layers + 4)
        history = _HISTORY_ROW * n_evaluations
        return int(_FLOAT * n_kept + places + self.other_bytes + headers + history)


def disk_use(study: StudyConfig, footprints: dict[str, Footprint]) -> pd.DataFrame:
    """Bytes of all large files of a study: one row per architecture.

    Columns: architecture; initial and dense (weights before and after dense training); rankings (those that
    are stored); trained (subnetworks, from above: see `EFFECTIVE_EXCESS`). Tables, figures and data sets are
    not counted.
    """
    plan, rows = Plan(study), []
    for architecture in study.architectures:
        footprint = footprints[architecture]
        (part,) = study.parts_of(architecture)
        pruners = part.pruners
        borrowed = {lender for name in pruners if (lender := PRUNERS[name].borrows)}
        stored = borrowed | {name for name in pruners if PRUNERS[name].costly}
        n_levels = len(part.levels)
        n_rankings = sum(n_levels if PRUNERS[name].iterative else 1 for name in stored)
        recipe = plan.recipe(architecture)
        subnetworks = plan.subnetworks(architecture, part.seeds[0]) if study.train else []
        replicate = {
            "initial": footprint.dense_bytes,
            "dense": footprint.dense_bytes if study.train else 0,
            "rankings": n_rankings * footprint.ranking_bytes,
            "trained": sum(_trained(footprint, keys, recipe) for keys in subnetworks),
        }
        total = {kind: len(part.seeds) * count for kind, count in replicate.items()}
        rows.append({"architecture": architecture, **total})
    return pd.DataFrame(rows)


def _trained(footprint: Footprint, keys: dict, recipe: Recipe) -> int:
    n_kept = n_at_compression(footprint.n_weights, keys["target_compression"])
    if keys["criterion"] == "effective":
        n_kept = min(EFFECTIVE_EXCESS * n_kept, footprint.n_weights)
    return footprint.trained_bytes(n_kept, recipe.steps // recipe.evaluate_every + 1)


def main() -> int:
    """Print the gigabytes of a study by architecture and kind."""
    parser = argparse.ArgumentParser(
        prog="python -m effective_sparsity.study.disk",
        description="How much disk a study takes. Run it in the project's folder, as Snakemake.",
    )
    parser.add_argument("study", help="study file, such as studies/paper.yaml")
    options = parser.parse_args()
    try:
        study = read_config(with_included({"include": options.study}, Path.cwd()))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    footprints = {name: Footprint.of(study.network(name)) for name in study.architectures}
    table = disk_use(study, footprints).set_index("architecture") / 1e9
    table.loc["all"] = table.sum()
    table["together"] = table.sum(axis=1)
    print(f"{table.to_string(float_format='%.2f')}\nGB (1e9 bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
