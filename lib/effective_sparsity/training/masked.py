"""The general engine: trains any PyTorch model, dense or with pruned weights held at zero."""

import os
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.errors import UserError
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.training import augmentation, augmentation_torch
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.checkpoint import Checkpoint, run_fingerprint
from effective_sparsity.training.progress import Progress
from effective_sparsity.training.recipe import Recipe
from effective_sparsity.training.result import Trained, history_table

# Reading the loss waits for the device; on a GPU it is read only so often, in steps.
LOSS_CHECK_ON_GPU = 100
EVALUATION_BATCH = 1000


def resolve_device(device: str | torch.device) -> torch.device:
    """The device that a name means: "auto" is CUDA when there is one, else the CPU.

    Raises:
        UserError: If there is no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # PyTorch without CUDA asserts
        reason = str(error).splitlines()[0]
        raise UserError(f"device: {device!r} cannot be used here ({reason}); use auto or cpu") from error
    return torch.device(device)


def train_masked(
    model: nn.Module,
    masks: Mapping[str, np.ndarray | Tensor],
    dataset: Dataset,
    recipe: Recipe,
    seed: int,
    device: str | torch.device = "auto",
    work: str | os.PathLike | None = None,
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

    Returns:
        The trained network. If the loss is not finite, training stops there with status "diverged"; a GPU's
        loss is read every 100 steps only.

    Raises:
        UserError: If a mask fits no kernel of the model, the training set is smaller than a batch, or there
            is no such device.
    """
    device = resolve_device(device)
    weights = kernels(model)
    masks = {name: _checked_mask(name, mask, weights) for name, mask in masks.items()}
    run = run_fingerprint("masked", _arrays(model.state_dict()), masks, dataset, recipe, seed)
    model.to(device)
    return _Training(model, weights, masks, dataset, recipe, seed, device).run(Checkpoint(work, run))


def evaluate(model: nn.Module, dataset: Dataset, device: str | torch.device = "auto") -> tuple[float, float]:
    """Mean cross-entropy and accuracy (0 to 1) on the test set, with running-statistics batch norm."""
    device = resolve_device(device)
    model.to(device)
    images, labels = _on(device, dataset.test_images), _on(device, dataset.test_labels)
    return _evaluate(model, images, labels, _Normalise(dataset, device))


class _Normalise:
    """Images in 0..255 to the input of a network: (image / 255 - mean) / std by channel."""

    def __init__(self, dataset: Dataset, device: torch.device):
        mean, std = (torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (dataset.mean, dataset.std))
        self.scale, self.shift = 1 / (255 * std), mean / std

    def __call__(self, images: Tensor) -> Tensor:
        return images * self.scale - self.shift


class _Training:
    """One training run: what is fixed, and the state that a checkpoint must hold."""

    def __init__(self, model, weights, masks, dataset, recipe, seed, device):
        self.model, self.recipe, self.dataset, self.device = model, recipe, dataset, device
        self.batches = Batches(len(dataset.train_labels), recipe.batch_size, seed)
        self.normalise = _Normalise(dataset, device)
        self.train_labels = _on(device, dataset.train_labels)
        self.test = _on(device, dataset.test_images), _on(device, dataset.test_labels)
        if device.type != "cpu":
            self.train_images = _on(device, dataset.train_images)
        self.masked = [(weights[name], _on(device, mask).to(weights[name])) for name, mask in masks.items()]
        with torch.no_grad():
            for weight, mask in self.masked:
                weight.mul_(mask)
        decayed = {id(weight) for weight in weights.values()}
        others = [parameter for parameter in model.parameters() if id(parameter) not in decayed]
        self.optimizer = torch.optim.SGD(
            [{"params": list(weights.values())}, {"params": others, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.step = 0
        self.history = np.empty((0, 4))
        # Of the steps since the last evaluation; on the device, so that adding to it waits for nothing.
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.steps_in_sum = 0

    def run(self, checkpoint: Checkpoint) -> Trained:
        if (arrays := checkpoint.load()) is not None:
            self._restore(arrays)
        diverged = not self._finite()
        progress = Progress(self.step, self.recipe.steps)
        self.model.train()
        while self.step < self.recipe.steps and not diverged:
            diverged = not self._update()
            progress.advance()
            if self.recipe.evaluates_after(self.step) and not diverged:
                diverged = not self._finite()
                if not diverged:
                    self._record()
                    progress.report(self.step, self.history[-1, -1])
            if checkpoint.due:
                checkpoint.save(self._state())
        progress.close()
        checkpoint.save(self._state())
        status = "diverged" if diverged else "ok"
        return Trained(_arrays(self.model.state_dict()), history_table(self.history), status, self.step)

    def _update(self) -> bool:
        """One step of SGD; False if the loss is known to be not finite."""
        images, labels = self._batch()
        loss = cross_entropy(self.model(images), labels)
        self.optimizer.zero_grad()
        loss.backward()
        # Masked weights start at 0; with gradient 0, neither decay nor momentum moves them away from it.
        for weight, mask in self.masked:
            weight.grad.mul_(mask)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.step)
        self.loss_sum += loss.detach()
        self.steps_in_sum += 1
        if (self.device.type == "cpu" or self.step % LOSS_CHECK_ON_GPU == 0) and not self._finite():
            return False
        self.optimizer.step()
        self.step += 1
        return True

    def _batch(self) -> tuple[Tensor, Tensor]:
        kind, indices = self.recipe.augmentation, self.batches.indices(self.step)
        drawn = augmentation.draw(kind, self.batches.random(self.step), len(indices))
        on_device = _on(self.device, indices)
        if self.device.type == "cpu":
            images = torch.from_numpy(augmentation.augment(kind, self.dataset.train_images, indices, drawn))
        else:
            images = self.train_images[on_device].float()
            images = augmentation_torch.augment(kind, images, _on(self.device, drawn))
        return self.normalise(images), self.train_labels[on_device]

    def _finite(self) -> bool:
        return bool(self.loss_sum.isfinite())

    def _record(self) -> None:
        train_loss = float(self.loss_sum) / self.steps_in_sum
        row = self.step, train_loss, *_evaluate(self.model, *self.test, self.normalise)
        self.history = np.vstack([self.history, row])
        self.loss_sum.zero_()
        self.steps_in_sum = 0

    def _state(self) -> dict[str, np.ndarray]:
        momenta = {
            f"momentum/{name}": self.optimizer.state[parameter]["momentum_buffer"]
            for name, parameter in self.model.named_parameters()
            if parameter in self.optimizer.state
        }
        model = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        return _arrays(model | momenta | {"loss_sum": self.loss_sum}) | {
            "history": self.history,
            "steps": np.array([self.step, self.steps_in_sum]),
        }

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        on_device = {name: _on(self.device, array) for name, array in arrays.items()}
        self.model.load_state_dict({name: on_device[f"model/{name}"] for name in self.model.state_dict()})
        for name, parameter in self.model.named_parameters():
            if f"momentum/{name}" in on_device:
                self.optimizer.state[parameter]["momentum_buffer"] = on_device[f"momentum/{name}"]
        self.loss_sum = on_device["loss_sum"]
        self.history = arrays["history"]
        self.step, self.steps_in_sum = arrays["steps"].tolist()


@torch.no_grad()
def _evaluate(model, images, labels, normalise) -> tuple[float, float]:
    training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=images.device)
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    for some, truth in zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True):
        logits = model(normalise(some))
        loss += cross_entropy(logits, truth, reduction="sum")
        correct += (logits.argmax(1) == truth).sum()
    model.train(training)
    return float(loss) / len(labels), int(correct) / len(labels)


def _checked_mask(name: str, mask, weights) -> np.ndarray:
    mask = mask.cpu().numpy() if isinstance(mask, Tensor) else mask
    if name not in weights:
        raise UserError(f"masks: {name!r} is not a kernel of the model; it has {', '.join(weights)}")
    if mask.dtype != bool or mask.shape != tuple(weights[name].shape):
        found, wanted = f"{mask.dtype} {mask.shape}", f"bool {tuple(weights[name].shape)}"
        raise UserError(f"masks: {name!r} is {found}; it must be {wanted}")
    return mask


def _on(device: torch.device, array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).to(device)


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
