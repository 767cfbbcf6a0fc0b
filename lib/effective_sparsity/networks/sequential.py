"""The PyTorch model of a plain network."""

from collections import OrderedDict

from torch import nn

from effective_sparsity.networks.layers import Layer, Linear, activation_shapes


def sequential(layers: tuple[Layer, ...], input_shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Layers, each with batch norm after it, and relu and average pooling after that but for the last.

    Args:
        layers: see `layers`.
        input_shape: (channels, height, width) of an image.
        classes: number of logits.

    Returns:
        A model from images (batch, channels, height, width) to logits (batch, classes).
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    shapes = activation_shapes(layers, input_shape, classes)
    for number, layer in enumerate(layers, start=1):
        inputs, outputs = shapes[number - 1 : number + 1]
        if isinstance(layer, Linear):
            modules.setdefault("flatten", nn.Flatten())
            modules[layer.name] = nn.Linear(inputs.size, outputs.size)
            modules[layer.norm] = nn.BatchNorm1d(outputs.size)
        else:
            modules[layer.name] = nn.Conv2d(inputs.channels, layer.channels, layer.size)
            modules[layer.norm] = nn.BatchNorm2d(layer.channels)
        if number < len(layers):
            modules[f"relu{number}"] = nn.ReLU()
        if not isinstance(layer, Linear) and layer.pool > 1:
            modules[f"pool{number}"] = nn.AvgPool2d(layer.pool)
    return nn.Sequential(modules)
