"""A small classification problem, perceptrons and random subnetworks of them."""

from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.layers import Convolution, Linear
from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.networks.registry import BATCH_NORM_EPSILON
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.run import Run


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_data():
    """Noisy grey 8x8 pictures of five classes: 420 for training, 90 for testing."""
    return make_dataset(size=8, classes=5, train=420, test=90)


@pytest.fixture(scope="session")
def mnist_like_data():
    """Noisy grey 28x28 pictures of ten classes: 1,000 for training, 250 for testing."""
    return make_dataset(size=28, classes=10, train=1000, test=250)


@pytest.fixture(scope="session")
def colour_data():
    """Noisy 32x32 pictures in three colours of ten classes: 400 for training, 50 for testing."""
    return make_dataset(size=32, classes=10, train=400, test=50, channels=3)


def make_dataset(size, classes, train, test, channels=1):
    random = np.random.default_rng(7)
    prototypes = random.uniform(0, 160, (classes, channels, size, size))

    def sample(count):
        labels = random.integers(0, classes, count)
        images = prototypes[labels] + random.uniform(0, 95, (count, channels, size, size))
        return images.astype(np.uint8), labels

    train_images, train_labels = sample(train)
    test_images, test_labels = sample(test)
    return Dataset(
        name="prototypes",
        variant="",
        note="",
        classes=classes,
        mean=(0.45,) * channels,
        std=(0.25,) * channels,
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
    )


@pytest.fixture(scope="session")
def perceptron():
    """Function of widths and seed that builds linear layers with batch norm, named fc1, bn1, ..."""

    def build(widths, seed=0):
        torch.manual_seed(seed)
        layers = OrderedDict(flatten=nn.Flatten())
        for number, (inputs, units) in enumerate(pairwise(widths), 1):
            layers[f"fc{number}"] = nn.Linear(inputs, units)
            layers[f"bn{number}"] = nn.BatchNorm1d(units, eps=BATCH_NORM_EPSILON)
            if number < len(widths) - 1:
                layers[f"relu{number}"] = nn.ReLU()
            nn.init.zeros_(layers[f"fc{number}"].bias)
        return nn.Sequential(layers)

    return build


@pytest.fixture(scope="session")
def convolutional():
    """Function of a seed that builds two convolutions and two linear layers for pictures of 8 x 8.

    The first convolution has pooling after it, the second has not, and its kernel is no square.
    """

    def build(seed=0):
        torch.manual_seed(seed)
        model = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(1, 5, 3),
                bn1=nn.BatchNorm2d(5, eps=BATCH_NORM_EPSILON),
                relu1=nn.ReLU(),
                pool1=nn.AvgPool2d(2),
                conv2=nn.Conv2d(5, 6, (1, 2)),
                bn2=nn.BatchNorm2d(6, eps=BATCH_NORM_EPSILON),
                relu2=nn.ReLU(),
                flatten=nn.Flatten(),
                fc1=nn.Linear(6 * 3 * 2, 9),
                bn3=nn.BatchNorm1d(9, eps=BATCH_NORM_EPSILON),
                relu3=nn.ReLU(),
                fc2=nn.Linear(9, 5),
                bn4=nn.BatchNorm1d(5, eps=BATCH_NORM_EPSILON),
            )
        )
        for name in ("conv1", "conv2", "fc1", "fc2"):
            nn.init.zeros_(model.get_submodule(name).bias)
        return model

    return build


@pytest.fixture(scope="session")
def convolutional_layers():
    """The layers of that network as packed training takes them."""
    return (
        Convolution("conv1", "bn1", 5, (3, 3), pool=2),
        Convolution("conv2", "bn2", 6, (1, 2)),
        Linear("fc1", "bn3", 9),
        Linear("fc2", "bn4"),
    )


@pytest.fixture(scope="session")
def state_of():
    """Function of a model that gives its state as arrays of their own."""
    return lambda model: {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}


@pytest.fixture(scope="session")
def random_masks():
    """Function of widths, density by layer and seed that draws a mask for each kernel."""

    def draw(widths, densities, seed=0):
        random = np.random.default_rng(seed)
        shapes = [(units, inputs) for inputs, units in pairwise(widths)]
        return {
            f"fc{number}.weight": random.random(shape) < density
            for number, (shape, density) in enumerate(zip(shapes, densities, strict=True), 1)
        }

    return draw


@pytest.fixture(scope="session")
def active_masks():
    """Function that keeps, of the masks of a perceptron, the weights on a path from an input to an output."""

    def prune(masks):
        masks = list(masks.values())
        reached = [np.ones(masks[0].shape[1], bool)]
        for mask in masks:
            reached.append((mask & reached[-1]).any(1))
        used = [np.ones(masks[-1].shape[0], bool)]
        for mask in reversed(masks):
            used.insert(0, (mask & used[0][:, None]).any(0))
        return {f"fc{i + 1}.weight": mask & reached[i] & used[i + 1][:, None] for i, mask in enumerate(masks)}

    return prune


@pytest.fixture(scope="session")
def recipe():
    """Function that gives a short recipe, with the settings in its arguments changed."""

    def make(**settings):
        defaults = {
            "steps": 60,
            "batch_size": 20,
            "learning_rate": 0.05,
            "milestones": (40,),
            "weight_decay": 1e-3,
            "evaluate_every": 25,
            "augmentation": "rotation",
        }
        return Recipe(**defaults | settings)

    return make


@pytest.fixture(scope="session")
def run():
    """Function that describes a run on the CPU."""

    def describe(dataset, recipe, seed=0, work=None, device="cpu", **options):
        execution = Execution(device=device, **options)
        return Run(dataset=dataset, recipe=recipe, seed=seed, work=work, execution=execution)

    return describe
