"""LeNet-5 (LeCun et al. 1998) for colour images, with a batch norm after every layer."""

from collections import OrderedDict

from torch import nn


def lenet_5(classes: int) -> nn.Module:
    """Images (batch, 3, 32, 32) to logits (batch, classes); 61,770 prunable weights with 10 classes."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 6, 5),
            bn1=nn.BatchNorm2d(6),
            relu1=nn.ReLU(),
            pool1=nn.AvgPool2d(2),
            conv2=nn.Conv2d(6, 16, 5),
            bn2=nn.BatchNorm2d(16),
            relu2=nn.ReLU(),
            pool2=nn.AvgPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(16 * 5 * 5, 120),
            bn3=nn.BatchNorm1d(120),
            relu3=nn.ReLU(),
            fc2=nn.Linear(120, 84),
            bn4=nn.BatchNorm1d(84),
            relu4=nn.ReLU(),
            fc3=nn.Linear(84, classes),
            bn5=nn.BatchNorm1d(classes),
        )
    )
