"""The networks of the study and the paper's training recipe of each (no torch: the workflow reads this).

A new network is one entry here and the function that it names, which builds the model.
"""

from dataclasses import dataclass, replace
from importlib import import_module

from effective_sparsity.training.layers import Convolution, Layer, Linear
from effective_sparsity.training.recipe import Recipe

# Added to the variance by every batch norm, as in the reference implementation (the default of Keras). It
# keeps units with a single live weight calm: batch norm takes away their scale, and their gradient is
# rounding errors times up to 1 / sqrt(epsilon).
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class Complexity:
    """What a pass of one image through a network costs.

    Attributes:
        weights: prunable weights.
        multiplications: of the prunable layers in a forward pass, each with an addition.
        activations: numbers that all layers together put out.
    """

    weights: int = 0
    multiplications: int = 0
    activations: int = 0


@dataclass(frozen=True)
class Network:
    """What the study must know of a network.

    Attributes:
        builder: `module:function` from a number of classes to the model, its weights not yet initialised.
        input_shape: (channels, height, width) of an image.
        classes: number of logits.
        convolutional: False if all layers are fully connected.
        recipe: the paper's recipe; `studies` may shorten it.
        small: whether one network leaves a GPU idle, so that several are trained there as one.
        snip_batch: samples b of a SNIP step; SNIP sees up to 300 b samples.
        smart_ratio_power: power of a layer's number that its smart-ratio is divided by (Su et al. 2020).
        complexity: to estimate what jobs need.
        layers: its layers, if it is one that the packed engine can train; else None.
    """

    builder: str
    input_shape: tuple[int, int, int]
    classes: int
    convolutional: bool
    recipe: Recipe
    snip_batch: int
    smart_ratio_power: int = 0
    small: bool = False
    complexity: Complexity = Complexity()
    layers: tuple[Layer, ...] | None = None

    def build(self):
        """The model (torch.nn.Module), not yet initialised."""
        module, function = self.builder.split(":")
        model = getattr(import_module(module), function)(self.classes)
        for layer in model.modules():
            if hasattr(layer, "running_var"):
                layer.eps = BATCH_NORM_EPSILON
        return model

    def with_classes(self, classes: int) -> "Network":
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
    "lenet-300-100": Network(
        builder="effective_sparsity.networks.lenet_300_100:lenet_300_100",
        input_shape=(1, 28, 28),
        classes=10,
        convolutional=False,
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
        small=True,
        complexity=Complexity(266_200, 266_200, 2_004),
        layers=(Linear("fc1", "bn1"), Linear("fc2", "bn2"), Linear("fc3", "bn3")),
    ),
    "lenet-5": Network(
        builder="effective_sparsity.networks.lenet_5:lenet_5",
        input_shape=(3, 32, 32),
        classes=10,
        convolutional=True,
        recipe=_LENET_5_RECIPE,
        snip_batch=128,
        small=True,
        complexity=Complexity(61_770, 651_720, 21_520),
        layers=(
            Convolution("conv1", "bn1", pool=2),
            Convolution("conv2", "bn2", pool=2),
            Linear("fc1", "bn3"),
            Linear("fc2", "bn4"),
            Linear("fc3", "bn5"),
        ),
    ),
    "vgg-16": Network(
        builder="effective_sparsity.networks.vgg:vgg_16",
        input_shape=(3, 32, 32),
        classes=10,
        convolutional=True,
        recipe=_VGG_RECIPE,
        snip_batch=128,
        smart_ratio_power=2,
        complexity=Complexity(14_715_584, 313_201_664, 861_204),
    ),
    "vgg-19": Network(
        builder="effective_sparsity.networks.vgg:vgg_19",
        input_shape=(3, 32, 32),
        classes=100,
        convolutional=True,
        recipe=_VGG_RECIPE,
        snip_batch=1280,
        smart_ratio_power=2,
        complexity=Complexity(20_070_080, 398_182_400, 941_256),
    ),
    "resnet-18": Network(
        builder="effective_sparsity.networks.resnet_18:resnet_18",
        input_shape=(3, 64, 64),
        classes=200,
        convolutional=True,
        recipe=_RESNET_RECIPE,
        snip_batch=2560,
        complexity=Complexity(11_261_632, 2_221_772_800, 7_898_512),
    ),
}
