"""The networks of the study and the paper's training recipe of each (no torch: the workflow reads this).

A new network is one entry here and the function that it names, which builds the model.
"""

from dataclasses import dataclass
from importlib import import_module

from effective_sparsity.training.recipe import Recipe

# Added to the variance by every batch norm, as in the reference implementation (the default of Keras). It
# keeps units with a single live weight calm: batch norm takes away their scale, and their gradient is
# rounding errors times up to 1 / sqrt(epsilon).
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class Network:
    """What the study must know of a network.

    Attributes:
        builder: `module:function` that returns the model, its weights not yet initialised.
        input_shape: (channels, height, width) of an image.
        classes: number of logits.
        convolutional: False if all layers are fully connected.
        recipe: the paper's recipe; `studies` may shorten it.
        snip_batch: samples b of a SNIP minibatch; SNIP sees up to 300 b samples.
    """

    builder: str
    input_shape: tuple[int, int, int]
    classes: int
    convolutional: bool
    recipe: Recipe
    snip_batch: int

    def build(self):
        """The model (torch.nn.Module), not yet initialised."""
        module, function = self.builder.split(":")
        model = getattr(import_module(module), function)()
        for layer in model.modules():
            if hasattr(layer, "running_var"):
                layer.eps = BATCH_NORM_EPSILON
        return model


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
    ),
}
