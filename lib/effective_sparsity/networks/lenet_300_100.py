"""LeNet-300-100 (LeCun et al. 1998) with a batch norm after every linear layer."""

from collections import OrderedDict

from torch import nn


def lenet_300_100(classes: int) -> nn.Module:
    """Images (batch, 1, 28, 28) to logits (batch, classes); 266,200 prunable weights with 10 classes."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(784, 300),
            bn1=nn.BatchNorm1d(300),
            relu1=nn.ReLU(),
            fc2=nn.Linear(300, 100),
            bn2=nn.BatchNorm1d(100),
            relu2=nn.ReLU(),
            fc3=nn.Linear(100, classes),
            bn3=nn.BatchNorm1d(classes),
        )
    )
