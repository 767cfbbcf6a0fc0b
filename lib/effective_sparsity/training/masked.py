"""The general engine: trains any PyTorch model, dense or with pruned weights held at zero."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.errors import UserError
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.state import state_of
from effective_sparsity.training.checkpoint import Checkpoint, run_fingerprint
from effective_sparsity.training.device import resolve_device, switches
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.general import Normalise, Training, on, on_test_set
from effective_sparsity.training.recipe import Recipe
from effective_sparsity.training.result import Trained
from effective_sparsity.training.stack import of_one, stack_in_place

Masks = Mapping[str, np.ndarray | Tensor]
_DEFAULT = Execution()


def train_masked(
    model: nn.Module,
    masks: Masks,
    dataset: Dataset,
    recipe: Recipe,
    seed: int,
    device: str | torch.device = "auto",
    work: str | os.PathLike | None = None,
    execution: Execution = _DEFAULT,
) -> Trained:
    """Train a model in place.

    Args:
        model: Any classifier of images; it carries its initial weights.
        masks: Boolean mask (True = kept) of each pruned kernel by its name in `state_dict`; kernels without
            a mask are dense. Masked weights are 0 from the start to the end.
        dataset: Training and test set.
        recipe: How to train.
        seed: Seed of the data order and of the augmentation.
        device: "auto", "cpu", "cuda" or "cuda:1".
        work: File for the training state. A run that was killed goes on from it, on a CPU to the identical
            result. It holds the final state at the end: delete it once the result is stored.
        execution: Precision and other options.

    Returns:
        The trained network. If the loss is not finite, training stops there with status "diverged"; a GPU's
        loss is read every 100 steps only.

    Raises:
        UserError: If a mask fits no kernel of the model, the training set is smaller than a batch, there is
            no such device, or another run is using the file `work`.
    """
    device = resolve_device(device)
    masks = _checked(masks, kernels(model))
    run = run_fingerprint("masked", state_of(model), masks, dataset, recipe, seed, execution.precision)
    with Checkpoint(work, run) as checkpoint:
        model.to(device)
        training = Training(model, None, masks, dataset, recipe, seed, device, execution)
        return training.run(checkpoint)[0]


def train_stacked(
    model: nn.Module,
    subnetworks: Sequence[Masks],
    dataset: Dataset,
    recipe: Recipe,
    seed: int,
    device: str | torch.device = "auto",
    work: str | os.PathLike | None = None,
    execution: Execution = _DEFAULT,
) -> list[Trained]:
    """Train subnetworks of a small network together, each as `train_masked` does up to rounding.

    Args:
        model: The network with its initial weights, which all subnetworks start from; it becomes the stack.
        subnetworks: Masks of each, as for `train_masked`; at least one.
        dataset, recipe, seed, device, work, execution: As for `train_masked`; kernels keep their layout.

    Returns:
        One result for each subnetwork, in order. A network whose loss is not finite leaves the stack with
        status "diverged"; the others go on.

    Raises:
        UserError: As for `train_masked`.
    """
    device = resolve_device(device)
    weights = kernels(model)
    subnetworks = [_checked(masks, weights) for masks in subnetworks]
    run = run_fingerprint("stacked", state_of(model), subnetworks, dataset, recipe, seed, execution.precision)
    masks = {
        name: np.stack([network.get(name, np.ones(weight.shape, bool)) for network in subnetworks])
        for name, weight in weights.items()
    }
    with Checkpoint(work, run) as checkpoint:
        stack = stack_in_place(model.to(device), len(subnetworks))
        training = Training(stack, len(subnetworks), masks, dataset, recipe, seed, device, execution)
        return training.run(checkpoint)


def evaluate(model: nn.Module, dataset: Dataset, device: str | torch.device = "auto") -> tuple[float, float]:
    """Mean cross-entropy and accuracy (0 to 1) on the test set, with running-statistics batch norm."""
    device = resolve_device(device)
    model.to(device)
    images, labels = on(device, dataset.test_images), on(device, dataset.test_labels)
    with switches(_DEFAULT):
        losses, accuracies = on_test_set(of_one(model), model, images, labels, Normalise(dataset, device), 1)
    return float(losses[0]), float(accuracies[0])


def _checked(masks: Masks, weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    masks = {name: mask.cpu().numpy() if isinstance(mask, Tensor) else mask for name, mask in masks.items()}
    for name, mask in masks.items():
        if name not in weights:
            raise UserError(f"masks: {name!r} is not a kernel of the model; it has {', '.join(weights)}")
        if mask.dtype != bool or mask.shape != tuple(weights[name].shape):
            found, wanted = f"{mask.dtype} {mask.shape}", f"bool {tuple(weights[name].shape)}"
            raise UserError(f"masks: {name!r} is {found}; it must be {wanted}")
    return masks
