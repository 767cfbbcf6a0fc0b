"""Which parameters of a model are pruned and counted."""

from torch import Tensor, nn

KERNEL_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


def kernels(model: nn.Module) -> dict[str, Tensor]:
    """The prunable weights of `model`, by parameter name, in the order of its modules.

    Every kernel of a convolution or linear layer, the first and the last included; biases and
    normalisation layers are neither pruned nor counted. A layer used in several places counts once.
    """
    return {
        f"{name}.weight" if name else "weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, KERNEL_LAYERS)
    }
