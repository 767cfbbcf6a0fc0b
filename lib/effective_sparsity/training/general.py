"""The loop of the general engine, over one network or a stack of them."""

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.training import augmentation, augmentation_torch
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.checkpoint import Checkpoint
from effective_sparsity.training.device import autocast, channels_last, compiled, switches
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.progress import Progress
from effective_sparsity.training.recipe import Recipe
from effective_sparsity.training.result import Trained, history_table
from effective_sparsity.training.stack import of_one, of_stack

# Reading the loss waits for the device; on a GPU it is read only so often, in steps.
LOSS_CHECK_ON_GPU = 100
# Images of the test set times networks that are evaluated at once.
EVALUATION_BATCH = 1000

log = logging.getLogger(__name__)


class Training:
    """One training run: what is fixed, and the state that a checkpoint must hold.

    Args:
        model: The network, or a stack of them, on the device; it is trained in place.
        networks: How many are stacked; None if the model is a network of its own.
        masks: Boolean mask of each pruned kernel by name; for a stack with the networks as first dimension.
        dataset: Training and test set.
        recipe: How to train.
        seed: Seed of the data order and of the augmentation.
        device: Where the model is.
        execution: How to compute.
    """

    def __init__(
        self,
        model: nn.Module,
        networks: int | None,
        masks: dict[str, np.ndarray],
        dataset: Dataset,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        execution: Execution,
    ):
        self.model, self.recipe, self.dataset, self.device = model, recipe, dataset, device
        self.execution, self.stacked = execution, networks is not None
        self.channels_last = channels_last(execution, device) and not self.stacked
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        self.eager = of_stack(model) if self.stacked else of_one(model)
        self.forward = compiled(self.eager, execution, device)
        self.batches = Batches(len(dataset.train_labels), recipe.batch_size, seed)
        self.normalise = Normalise(dataset, device)
        self.train_labels = on(device, dataset.train_labels)
        self.test = on(device, dataset.test_images), on(device, dataset.test_labels)
        if device.type != "cpu":
            self.train_images = on(device, dataset.train_images)
        weights = kernels(model)
        self.masked = [(weights[name], on(device, mask).to(weights[name])) for name, mask in masks.items()]
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
        self.numbers = list(range(networks or 1))  # of the networks that are left, in the order of the stack
        self.diverged: dict[int, Trained] = {}
        self.history = np.empty((len(self.numbers), 0, 4))
        # Of the steps since the last evaluation; on the device, so that adding to it waits for nothing.
        self.loss_sums = torch.zeros(len(self.numbers), dtype=torch.float64, device=device)
        self.steps_in_sum = 0

    def run(self, checkpoint: Checkpoint) -> list[Trained]:
        """Train to the end, from the state in the checkpoint if it has one; a result for each network."""
        with switches(self.execution):
            if (arrays := checkpoint.load()) is not None:
                self._restore(arrays)
            self._drop_diverged()
            progress = Progress(self.step, self.recipe.steps)
            self.model.train()
            while self.step < self.recipe.steps and self.numbers:
                self._update()
                progress.advance()
                if self.recipe.evaluates_after(self.step):
                    self._drop_diverged()
                    if self.numbers:
                        self._record()
                        progress.report(self.step, self.history[:, -1, -1].max())
                if checkpoint.due:
                    checkpoint.save(self._state())
            progress.close()
            checkpoint.save(self._state())
        trained = {number: self._result(place, "ok") for place, number in enumerate(self.numbers)}
        return [result for _, result in sorted((trained | self.diverged).items())]

    def _update(self) -> None:
        """One step of SGD of every network whose loss is not known to be not finite."""
        images, labels = self._batch()
        with autocast(self.execution, self.device):
            logits = self.forward(images)
        # Networks share nothing, so the gradient of the sum is the gradient of each.
        losses = cross_entropies(logits.float(), labels).mean(1)
        self.optimizer.zero_grad()
        losses.sum().backward()
        # Masked weights start at 0; with gradient 0, neither decay nor momentum moves them away from it.
        for weight, mask in self.masked:
            weight.grad.mul_(mask)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.step)
        self.loss_sums += losses.detach()
        self.steps_in_sum += 1
        if self.device.type == "cpu" or self.step % LOSS_CHECK_ON_GPU == 0:
            self._drop_diverged()
        if self.numbers:
            self.optimizer.step()
            self.step += 1

    def _batch(self) -> tuple[Tensor, Tensor]:
        kind, indices = self.recipe.augmentation, self.batches.indices(self.step)
        drawn = augmentation.draw(kind, self.batches.random(self.step), len(indices))
        on_device = on(self.device, indices)
        if self.device.type == "cpu":
            images = torch.from_numpy(augmentation.augment(kind, self.dataset.train_images, indices, drawn))
        else:
            images = self.train_images[on_device].float()
            images = augmentation_torch.augment(kind, images, on(self.device, drawn))
        images = self.normalise(images)
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images, self.train_labels[on_device]

    def _drop_diverged(self) -> None:
        """Take the networks whose loss is not finite out of the training, as they are."""
        finite = self.loss_sums.isfinite().tolist()
        if all(finite):
            return
        for place, number in enumerate(self.numbers):
            if not finite[place]:
                self.diverged[number] = self._result(place, "diverged")
                log.warning("network %d of this run diverged after %d steps", number + 1, self.step)
        self._keep([place for place, is_finite in enumerate(finite) if is_finite])

    def _keep(self, places: list[int]) -> None:
        self.numbers = [self.numbers[place] for place in places]
        self.history, self.loss_sums = self.history[places], self.loss_sums[places]
        if not self.stacked:
            return
        parameters = list(self.model.parameters())
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        momenta = [state["momentum_buffer"] for state in self.optimizer.state.values()]
        masks = [mask for _, mask in self.masked]
        for tensor in [*parameters, *self.model.buffers(), *gradients, *momenta, *masks]:
            tensor.data = tensor.data[places]

    def _record(self) -> None:
        with switches(Execution(deterministic=self.execution.deterministic)):
            losses, accuracies = on_test_set(
                self.eager, self.model, *self.test, self.normalise, len(self.numbers)
            )
        train_losses = self.loss_sums.cpu().numpy() / self.steps_in_sum
        rows = np.stack([np.full_like(losses, self.step), train_losses, losses, accuracies], axis=-1)
        self.history = np.concatenate([self.history, rows[:, None]], axis=1)
        self.loss_sums.zero_()
        self.steps_in_sum = 0

    def _result(self, place: int, status: str) -> Trained:
        state = self.model.state_dict()
        if self.stacked:
            state = {name: tensor[place] for name, tensor in state.items()}
        return Trained(arrays_of(state), history_table(self.history[place]), status, self.step)

    def _state(self) -> dict[str, np.ndarray]:
        tensors = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            if parameter in self.optimizer.state:
                tensors[f"momentum/{name}"] = self.optimizer.state[parameter]["momentum_buffer"]
        arrays = arrays_of(tensors | {"loss_sums": self.loss_sums})
        arrays |= {"history": self.history, "numbers": np.array(self.numbers, np.int64)}
        arrays["steps"] = np.array([self.step, self.steps_in_sum])
        for number, trained in self.diverged.items():
            start = f"diverged/{number}"
            arrays |= {f"{start}/state/{name}": array for name, array in trained.state.items()}
            arrays |= {
                f"{start}/history": trained.history.to_numpy(),
                f"{start}/steps": np.array(trained.steps),
            }
        return arrays

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        left = arrays["numbers"].tolist()
        for number in set(self.numbers) - set(left):
            start = f"diverged/{number}"
            state = {name: arrays[f"{start}/state/{name}"] for name in self.model.state_dict()}
            history, steps = history_table(arrays[f"{start}/history"]), int(arrays[f"{start}/steps"])
            self.diverged[number] = Trained(state, history, "diverged", steps)
        self._keep(left)
        self.model.load_state_dict(
            {name: torch.from_numpy(arrays[f"model/{name}"]) for name in self.model.state_dict()}
        )
        for name, parameter in self.model.named_parameters():
            if f"momentum/{name}" in arrays:
                momentum = torch.empty_like(parameter, requires_grad=False)  # in the layout of the parameter
                momentum.copy_(torch.from_numpy(arrays[f"momentum/{name}"]))
                self.optimizer.state[parameter]["momentum_buffer"] = momentum
        self.loss_sums = on(self.device, arrays["loss_sums"])
        self.history = arrays["history"]
        self.step, self.steps_in_sum = arrays["steps"].tolist()


class Normalise:
    """Images in 0..255 to the input of a network: (image / 255 - mean) / std by channel."""

    def __init__(self, dataset: Dataset, device: torch.device):
        mean, std = (torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (dataset.mean, dataset.std))
        self.scale, self.shift = 1 / (255 * std), mean / std

    def __call__(self, images: Tensor) -> Tensor:
        return images * self.scale - self.shift


@torch.no_grad()
def on_test_set(
    forward: Callable[[Tensor], Tensor],
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    normalise: Normalise,
    networks: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean cross-entropy and accuracy (0 to 1) of each network on a test set, with running statistics.

    Args:
        forward: From images (B, C, H, W) to logits (networks, B, classes), by the layers of `model`.
    """
    training = model.training
    model.eval()
    losses = torch.zeros(networks, dtype=torch.float64, device=images.device)
    correct = torch.zeros(networks, dtype=torch.int64, device=images.device)
    size = max(1, EVALUATION_BATCH // networks)
    for some, truth in zip(images.split(size), labels.split(size), strict=True):
        logits = forward(normalise(some))
        losses += cross_entropies(logits, truth).sum(1)
        correct += (logits.argmax(2) == truth).sum(1)
    model.train(training)
    return losses.cpu().numpy() / len(labels), correct.cpu().numpy() / len(labels)


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each network on each sample, (networks, B), from logits (networks, B, classes)."""
    networks = len(logits)
    each = cross_entropy(logits.flatten(0, 1), labels.repeat(networks), reduction="none")
    return each.view(networks, -1)


def on(device: torch.device, array: np.ndarray) -> Tensor:
    """The array on the device, without waiting for what the device does."""
    return torch.from_numpy(array).to(device, non_blocking=True)


def arrays_of(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Copies of tensors as arrays."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
