"""VGG-16 and VGG-19 (Simonyan & Zisserman 2015) for images of 32x32, with batch norm and one linear layer."""

from collections import OrderedDict
from functools import partial

from torch import nn

_WIDTHS = (64, 128, 256, 512, 512)


def _vgg(depths: tuple[int, ...], classes: int) -> nn.Module:
    """Blocks of `depths` convolutions 3x3, each block halving the image: (batch, 3, 32, 32) to logits."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for block, (depth, width) in enumerate(zip(depths, _WIDTHS, strict=True), start=1):
        for number in range(1, depth + 1):
            layers[f"conv{block}_{number}"] = nn.Conv2d(channels, width, 3, padding=1)
            layers[f"bn{block}_{number}"] = nn.BatchNorm2d(width)
            layers[f"relu{block}_{number}"] = nn.ReLU()
            channels = width
        layers[f"pool{block}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels, classes)
    layers["bn"] = nn.BatchNorm1d(classes)
    return nn.Sequential(layers)


# 14,715,584 prunable weights with 10 classes.
vgg_16 = partial(_vgg, (2, 2, 3, 3, 3))

# 20,070,080 prunable weights with 100 classes.
vgg_19 = partial(_vgg, (2, 2, 4, 4, 4))
