"""ResNet-18 (He et al. 2016) for images of 64x64: a 3x3 stem of stride 1 without pooling."""

from collections import OrderedDict

from torch import Tensor, nn

_WIDTHS = (64, 128, 256, 512)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: the identity, or a 1x1 convolution where the shape changes."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                OrderedDict(conv=nn.Conv2d(channels, width, 1, stride, bias=False), bn=nn.BatchNorm2d(width))
            )
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(residual + self.shortcut(x))


def resnet_18(classes: int) -> nn.Module:
    """Images (batch, 3, 64, 64) to logits (batch, classes); 11,261,632 prunable weights with 200 classes."""
    layers = OrderedDict(
        conv=nn.Conv2d(3, _WIDTHS[0], 3, padding=1, bias=False),
        bn=nn.BatchNorm2d(_WIDTHS[0]),
        relu=nn.ReLU(),
    )
    channels = _WIDTHS[0]
    for stage, width in enumerate(_WIDTHS, start=1):
        layers[f"stage{stage}"] = nn.Sequential(
            ResidualBlock(channels, width, stride=1 if stage == 1 else 2),
            ResidualBlock(width, width, stride=1),
        )
        channels = width
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels, classes, bias=False)
    layers["bn_logits"] = nn.BatchNorm1d(classes)
    return nn.Sequential(layers)
