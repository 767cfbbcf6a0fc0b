"""The masked engine: trains any PyTorch model, with pruned weights held at zero and dead units cut out."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from effective_sparsity.compaction import compaction
from effective_sparsity.datasets.store import Dataset
from effective_sparsity.errors import UserError
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import Network
from effective_sparsity.networks.state import state_of, with_state
from effective_sparsity.networks.types import Masks, State, check_masks
from effective_sparsity.training import augmentation, augmentation_torch, loop
from effective_sparsity.training.checkpoint import fingerprint
from effective_sparsity.training.device import autocast, channels_last, compiled, resolve_device, switches
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.hardware import processor_with
from effective_sparsity.training.result import Trained
from effective_sparsity.training.run import Run, normalisation

# Reading the loss waits for the device; on a GPU it is read only so often, in steps.
LOSS_CHECK_ON_GPU = 100
# On a CPU, so few samples that what a layer computes of them stays in its cache.
EVALUATION_BATCH = {"cpu": 50, "cuda": 1000}

_log = logging.getLogger(__name__)


def train(network: Network, initial: State, masks: list[Masks], run: Run) -> list[Trained]:
    """Train subnetworks of a network from its initial state, one after another; see `train_compacted`.

    Args:
        run: Its `work` is a folder.
    """
    if run.execution.threads:
        torch.set_num_threads(run.execution.threads)
    results = []
    for number, each in enumerate(masks, start=1):
        model = with_state(network.build(), initial)
        run_of_it = run.in_folder(fingerprint(masks=each))
        results.append(train_compacted(model, each, network.input_shape, run_of_it))
        _log.info("trained %d of %d subnetworks", number, len(masks))
    return results


def train_compacted(model: nn.Module, masks: Masks, input_shape: Sequence[int], run: Run) -> Trained:
    """As `train_masked`, to the same result up to rounding, at the size that the masks leave of the model.

    The state has the shapes of the model. What was cut keeps its initial value there: no training moves it,
    but for running statistics, and of channels that emit zero whatever they are. A model that cannot be
    compacted is trained as it is.

    Args:
        input_shape: Shape of one sample.
    """
    check_masks(masks, {name: tuple(weight.shape) for name, weight in kernels(model).items()})
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "no path is left")
            compact = compaction(model, masks, input_shape, constants="train")
    except UserError as error:
        _log.warning("training is not faster for what was pruned: %s", error)
        return train_masked(model, masks, run)
    state = state_of(model)
    for name, mask in masks.items():
        state[name] *= mask
    trained = train_masked(compact.model, {name: mask.numpy() for name, mask in compact.masks.items()}, run)
    for name, places in compact.places.items():
        np.put(state[name], places.numpy(), trained.state[name])
    return replace(trained, state=state)


def train_masked(model: nn.Module, masks: Masks, run: Run) -> Trained:
    """Train a model in place.

    Args:
        model: Any classifier of images; it carries its initial weights.
        masks: Boolean mask (True = kept) of each pruned kernel by its name in `state_dict`; kernels without
            a mask are dense. Masked weights are 0 from the start to the end.
        run: Data, recipe and seed; its `work` is a file.

    Returns:
        The trained network. If the loss is not finite, training stops there with status "diverged"; a GPU's
        loss is read every 100 steps only.

    Raises:
        UserError: If a mask fits no kernel of the model, the training set is smaller than a batch, there is
            no such device, or another run is using the file `run.work`.
    """
    check_masks(masks, {name: tuple(weight.shape) for name, weight in kernels(model).items()})
    identity = run.identity("masked", state_of(model), masks)
    with switches(run.execution):
        (trained,) = loop.train(MaskedEngine(model, masks, run), run, identity)
    return trained


class MaskedEngine:
    """One model on one device; see `loop.Engine`."""

    networks = 1

    def __init__(self, model: nn.Module, masks: Masks, run: Run):
        self.recipe, self.dataset, self.execution = run.recipe, run.dataset, run.execution
        self.device = resolve_device(run.execution.device)
        self.channels_last = channels_last(run.execution, self.device)
        self.model = model.to(self.device)
        if self.channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward = compiled(model, run.execution, self.device)
        self.on_cpu = self.device.type == "cpu"
        self.check_every = 1 if self.on_cpu else LOSS_CHECK_ON_GPU
        self.normalise = Normalise(run.dataset, self.device)
        self.test_set = self._send(run.dataset.test_images), self._send(run.dataset.test_labels)
        self.train_labels = self._send(run.dataset.train_labels)
        if not self.on_cpu:
            self.train_images = self._send(run.dataset.train_images)
        weights = kernels(model)
        self.masked = [(weights[name], self._send(mask).to(weights[name])) for name, mask in masks.items()]
        with torch.no_grad():
            for weight, mask in self.masked:
                weight.mul_(mask)
        decayed = {id(weight) for weight in weights.values()}
        others = [parameter for parameter in model.parameters() if id(parameter) not in decayed]
        groups: list[dict[str, Any]] = [
            {"params": list(weights.values())},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.SGD(
            groups,
            lr=run.recipe.learning_rate,
            momentum=run.recipe.momentum,
            weight_decay=run.recipe.weight_decay,
            fused=True,
        )
        # Stays on the device, so that adding to it waits for nothing.
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        model.train()

    @property
    def hardware(self) -> str:
        """The graphics processor, or the processor and its threads."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return processor_with(torch.get_num_threads())

    def step(self, indices: np.ndarray, drawn: np.ndarray, rate: float) -> None:
        """One step of SGD, not taken on a CPU if the loss is not finite."""
        images, labels = self._batch(indices, drawn)
        with autocast(self.execution, self.device):
            logits = self.forward(images)
        loss = cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad()
        loss.backward()
        # Masked weights start at 0; with gradient 0, neither decay nor momentum moves them away from it.
        for weight, mask in self.masked:
            assert weight.grad is not None
            weight.grad.mul_(mask)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.loss_sum += loss.detach()
        if not self.on_cpu or self.loss_sum.isfinite():
            self.optimizer.step()

    def losses(self) -> np.ndarray:
        """The loss since it was last read."""
        losses = self.loss_sum.cpu().numpy().reshape(1).copy()
        self.loss_sum.zero_()
        return losses

    def evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        """Loss and accuracy on the test set, in float32."""
        with switches(Execution(deterministic=self.execution.deterministic), search=False):
            loss, accuracy = _on_test_set(self.model, *self.test_set, self.normalise)
        return np.array([loss]), np.array([accuracy])

    def drop(self, network: int) -> None:
        """Nothing: the loop ends with its only network."""

    def state(self) -> dict[str, np.ndarray]:
        """Parameters, buffers and momenta."""
        arrays = {f"model/{name}": array for name, array in state_of(self.model).items()}
        for name, parameter in self.model.named_parameters():
            if parameter in self.optimizer.state:
                arrays[f"momentum/{name}"] = self.optimizer.state[parameter]["momentum_buffer"].cpu().numpy()
        return arrays

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take over parameters, buffers and momenta."""
        with_state(self.model, {name: state[f"model/{name}"] for name in self.model.state_dict()})
        for name, parameter in self.model.named_parameters():
            if f"momentum/{name}" in state:
                momentum = torch.empty_like(parameter, requires_grad=False)  # in the layout of the parameter
                momentum.copy_(torch.from_numpy(state[f"momentum/{name}"]))
                self.optimizer.state[parameter]["momentum_buffer"] = momentum

    def result(self, network: int, steps: int) -> State:
        """The state dict."""
        return state_of(self.model)

    def _batch(self, indices: np.ndarray, drawn: np.ndarray) -> tuple[Tensor, Tensor]:
        kind, on_device = self.recipe.augmentation, self._send(indices)
        if self.on_cpu:
            images = torch.from_numpy(augmentation.augment(kind, self.dataset.train_images, indices, drawn))
        else:
            images = self.train_images[on_device].float()
            images = augmentation_torch.augment(kind, images, self._send(drawn))
        images = self.normalise(images)
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images, self.train_labels[on_device]

    def _send(self, array: np.ndarray) -> Tensor:
        """The array on the device, without waiting for what the device does."""
        return torch.from_numpy(array).to(self.device, non_blocking=True)


class Normalise:
    """Images in 0..255 to the input of a network: (image / 255 - mean) / std by channel."""

    def __init__(self, dataset: Dataset, device: torch.device):
        self.scale, self.shift = (
            torch.from_numpy(by_channel).view(1, -1, 1, 1).to(device) for by_channel in normalisation(dataset)
        )

    def __call__(self, images: Tensor) -> Tensor:
        return images * self.scale - self.shift


def evaluate(model: nn.Module, dataset: Dataset, device: str | torch.device = "auto") -> tuple[float, float]:
    """Mean cross-entropy and accuracy (0 to 1) on the test set, with running-statistics batch norm."""
    device = resolve_device(device)
    if channels_last(Execution(), device):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = (
        torch.from_numpy(part).to(device) for part in (dataset.test_images, dataset.test_labels)
    )
    with switches(Execution(), search=False):
        return _on_test_set(model.to(device), images, labels, Normalise(dataset, device))


@torch.no_grad()
def _on_test_set(
    model: nn.Module, images: Tensor, labels: Tensor, normalise: Normalise
) -> tuple[float, float]:
    training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=images.device)
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    size = EVALUATION_BATCH[images.device.type]
    for some, truth in zip(images.split(size), labels.split(size), strict=True):
        logits = model(normalise(some))
        loss += cross_entropy(logits, truth, reduction="sum")
        correct += (logits.argmax(1) == truth).sum()
    model.train(training)
    return loss.item() / len(labels), correct.item() / len(labels)
