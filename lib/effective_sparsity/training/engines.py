"""The choice of engine for a job's subnetworks."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.registry import Network
from effective_sparsity.pruning.subnetworks import Subnetwork
from effective_sparsity.training.checkpoint import fingerprint
from effective_sparsity.training.recipe import Recipe
from effective_sparsity.training.result import Trained

Masks = dict[str, np.ndarray]

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
) -> dict[str, TrainedSubnetwork]:
    """Train every subnetwork from the same initial state on the same batches; results by the same keys.

    The engine "packed" trains the active weights of all of them at once, "masked" the kept weights of one
    after another. In a fully-connected network with batch norm both follow the same trajectory, since batch
    norm subtracts what units without live inputs emit. Equal subnetworks are trained once.

    Args:
        engine: "packed" or "masked".
        device, threads: for "masked".
        work: folder for what is needed to resume after an interruption, and to return the same results again;
            for the caller to remove once they are stored.
    """
    work = Path(work)
    if engine == "packed":
        from effective_sparsity.training.packed import train_packed

        masks = [subnetwork.active for subnetwork in subnetworks.values()]
        trained = (
            train_packed(initial, masks, dataset, recipe, seed, work / "packed.safetensors") if masks else []
        )
    else:
        import torch

        from effective_sparsity.networks.state import with_state
        from effective_sparsity.training.masked import train_masked

        torch.set_num_threads(threads)
        masks = [subnetwork.kept for subnetwork in subnetworks.values()]
        by_content: dict[str, Trained] = {}
        for number, mask in enumerate(masks, start=1):
            content = fingerprint(mask=mask)
            if content not in by_content:
                model = with_state(network.build(), initial)
                by_content[content] = train_masked(
                    model, mask, dataset, recipe, seed, device, work / f"{content}.safetensors"
                )
                _log.info("trained %d of %d subnetworks", number, len(masks))
        trained = [by_content[fingerprint(mask=mask)] for mask in masks]
    return dict(zip(subnetworks, map(TrainedSubnetwork, trained, masks), strict=True))
