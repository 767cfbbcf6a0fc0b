"""The choice of engine for a job's subnetworks."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.registry import Network
from effective_sparsity.pruning.subnetworks import Subnetwork
from effective_sparsity.training.checkpoint import fingerprint
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.recipe import Recipe
from effective_sparsity.training.result import Trained

Masks = dict[str, np.ndarray]

_DEFAULT = Execution()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedSubnetwork:
    """A trained network, and the masks of the weights that were trained."""

    network: Trained
    masks: Masks


def train_subnetworks(
    engine: str,
    network: Network,
    initial: dict[str, np.ndarray],
    subnetworks: dict[str, Subnetwork],
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    device: str,
    threads: int,
    work: str,
    execution: Execution = _DEFAULT,
) -> dict[str, TrainedSubnetwork]:
    """Train every subnetwork from the same initial state on the same batches; results by the same keys.

    The engine "packed" trains the active weights of all of them at once, "masked" the kept weights of one
    after another, or of all together if `execution` and the device say so (small networks on CUDA). In the
    networks that packed training is for, both follow the same trajectory, since batch norm subtracts what
    units and channels without live inputs emit. Equal subnetworks are trained once.

    Args:
        engine: "packed", for a network with `layers`, or "masked".
        device, threads, execution: for "masked".
        work: folder for what is needed to resume after an interruption, and to return the same results again;
            for the caller to remove once they are stored.
    """
    work = Path(work)
    if engine == "packed":
        from effective_sparsity.training.packed import train_packed

        masks = [subnetwork.active for subnetwork in subnetworks.values()]
        trained = (
            train_packed(initial, masks, dataset, recipe, seed, work / "packed.safetensors", network.layers)
            if masks
            else []
        )
    else:
        import torch

        torch.set_num_threads(threads)
        masks = [subnetwork.kept for subnetwork in subnetworks.values()]
        contents = [fingerprint(mask=mask) for mask in masks]
        distinct = dict(zip(contents, masks, strict=True))
        results = _train_general(network, initial, distinct, dataset, recipe, seed, device, work, execution)
        trained = [results[content] for content in contents]
    return dict(zip(subnetworks, map(TrainedSubnetwork, trained, masks), strict=True))


def _train_general(network, initial, masks, dataset, recipe, seed, device, work, execution):
    """A result for each of the distinct `masks`, by the same names."""
    from effective_sparsity.networks.state import with_state
    from effective_sparsity.training.device import chosen, resolve_device
    from effective_sparsity.training.masked import train_masked, train_stacked

    def model():
        return with_state(network.build(), initial)

    on_cuda = resolve_device(device).type == "cuda"
    if len(masks) > 1 and chosen(execution.stack, on_cuda and network.small):
        file = work / "stack.safetensors"
        trained = train_stacked(model(), list(masks.values()), dataset, recipe, seed, device, file, execution)
        return dict(zip(masks, trained, strict=True))
    results: dict[str, Trained] = {}
    for number, (name, mask) in enumerate(masks.items(), start=1):
        file = work / f"{name}.safetensors"
        results[name] = train_masked(model(), mask, dataset, recipe, seed, device, file, execution)
        _log.info("trained %d of %d distinct subnetworks", number, len(masks))
    return results
