"""The networks of the study and the paper's training recipe of each (no torch: the workflow reads this).

A new network is one entry here: a plain one is its `layers`, any other names the function that builds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

from effective_sparsity.networks.layers import Convolution, Layer, Linear, fully_connected
from effective_sparsity.networks.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

# Added to the variance by every batch norm, as in the reference implementation (the default of Keras). It
# keeps units with a single live weight calm: batch norm takes away their scale, and their gradient is
# rounding errors times up to 1 / sqrt(epsilon).
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the study must know of a network.

    Attributes:
        input_shape: (channels, height, width) of an image.
        classes: number of logits.
        recipe: the paper's recipe; `studies` may shorten it.
        snip_batch: samples b of a SNIP step; SNIP sees up to 300 b samples.
        smart_ratio_power: power of a layer's number that its smart-ratio is divided by (Su et al. 2020).
        layers: all there is to know of a plain network, which packed training can train; else empty.
        builder: of a network that is not plain, `module:function` from a number of classes to the model, its
            weights not yet initialised.
    """

    input_shape: tuple[int, int, int]
    classes: int
    recipe: Recipe
    snip_batch: int
    smart_ratio_power: int = 0
    layers: tuple[Layer, ...] = ()
    builder: str = ""

    @property
    def convolutional(self) -> bool:
        """Whether any layer is a convolution, as in all networks that are not plain."""
        return not self.layers or any(isinstance(layer, Convolution) for layer in self.layers)

    def build(self) -> nn.Module:
        """The model, not yet initialised."""
        from torch import nn

        if self.layers:
            from effective_sparsity.networks.sequential import sequential

            model: nn.Module = sequential(self.layers, self.input_shape, self.classes)
        else:
            place, function = self.builder.split(":")
            model = getattr(import_module(place), function)(self.classes)
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eps = BATCH_NORM_EPSILON
        return model

    def with_classes(self, classes: int) -> Network:
        """The same network with another number of logits."""
        return replace(self, classes=classes)


_LENET_5_RECIPE = Recipe(
    steps=120_000,
    batch_size=128,
    learning_rate=0.1,
    milestones=(30_000, 60_000, 90_000),
    weight_decay=1e-3,
    evaluate_every=1_000,
    augmentation="flip_shift",
)
_VGG_RECIPE = Recipe(
    steps=62_500,
    batch_size=128,
    learning_rate=0.1,
    milestones=(31_250, 46_875),
    weight_decay=2e-4,
    evaluate_every=1_000,
    augmentation="flip_shift",
)
_RESNET_RECIPE = Recipe(
    steps=78_200,
    batch_size=256,
    learning_rate=0.2,
    milestones=(39_100, 58_650),
    weight_decay=2e-4,
    evaluate_every=1_000,
    augmentation="flip_shift",
)

NETWORKS = {
    # LeCun et al. 1998, with batch norm.
    "lenet-300-100": Network(
        input_shape=(1, 28, 28),
        classes=10,
        recipe=Recipe(
            steps=96_000,
            batch_size=100,
            learning_rate=0.1,
            milestones=(25_000, 50_000, 75_000),
            weight_decay=1e-3,
            evaluate_every=1_000,
            augmentation="rotation",
        ),
        snip_batch=100,
        layers=fully_connected(300, 100),
    ),
    # LeCun et al. 1998, for colour images and with batch norm.
    "lenet-5": Network(
        input_shape=(3, 32, 32),
        classes=10,
        recipe=_LENET_5_RECIPE,
        snip_batch=128,
        layers=(
            Convolution("conv1", "bn1", channels=6, size=(5, 5), pool=2),
            Convolution("conv2", "bn2", channels=16, size=(5, 5), pool=2),
            Linear("fc1", "bn3", 120),
            Linear("fc2", "bn4", 84),
            Linear("fc3", "bn5"),
        ),
    ),
    "vgg-16": Network(
        builder="effective_sparsity.networks.vgg:vgg_16",
        input_shape=(3, 32, 32),
        classes=10,
        recipe=_VGG_RECIPE,
        snip_batch=128,
        smart_ratio_power=2,
    ),
    "vgg-19": Network(
        builder="effective_sparsity.networks.vgg:vgg_19",
        input_shape=(3, 32, 32),
        classes=100,
        recipe=_VGG_RECIPE,
        snip_batch=1280,
        smart_ratio_power=2,
    ),
    "resnet-18": Network(
        builder="effective_sparsity.networks.resnet_18:resnet_18",
        input_shape=(3, 64, 64),
        classes=200,
        recipe=_RESNET_RECIPE,
        snip_batch=2560,
    ),
}
