"""The study's networks and torchvision's families, small where they can be, at low and high densities."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import (
    convnext,
    densenet,
    efficientnet,
    get_model,
    mobilenetv2,
    mobilenetv3,
    regnet,
    resnet,
    shufflenetv2,
    swin_transformer,
    vgg,
    vision_transformer,
)
from torchvision.models.googlenet import GoogLeNet
from torchvision.models.inception import Inception3
from torchvision.models.mnasnet import MNASNet
from torchvision.models.squeezenet import SqueezeNet

from effective_sparsity.compaction import compact
from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.prunable import KERNEL_LAYERS
from effective_sparsity.networks.registry import NETWORKS

DENSITIES = (0.5, 0.05, 0.002)


def _mobilenet_v3():
    settings = [
        mobilenetv3.InvertedResidualConfig(8, 3, 8, 8, True, "RE", 2, 1, 1.0),
        mobilenetv3.InvertedResidualConfig(8, 5, 24, 8, True, "HS", 1, 1, 1.0),
    ]
    return mobilenetv3.MobileNetV3(settings, 16, num_classes=5)


def _efficientnet():
    settings = [
        efficientnet.MBConvConfig(1, 3, 1, 8, 8, 1),
        efficientnet.FusedMBConvConfig(4, 3, 2, 8, 8, 1),
        efficientnet.MBConvConfig(4, 5, 1, 8, 8, 2),
    ]
    return efficientnet.EfficientNet(settings, 0.1, last_channel=16, num_classes=5)


def _regnet():
    parameters = regnet.BlockParams.from_init_params(2, 16, 8.0, 2.0, 8, se_ratio=0.25)
    return regnet.RegNet(parameters, num_classes=5)


def _convnext():
    settings = [convnext.CNBlockConfig(8, 16, 1), convnext.CNBlockConfig(16, None, 1)]
    return convnext.ConvNeXt(settings, num_classes=5)


def _vit():
    return vision_transformer.VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=5)


def _swin(block=swin_transformer.SwinTransformerBlock):
    return swin_transformer.SwinTransformer([4, 4], 8, [2, 2], [1, 2], [2, 2], num_classes=5, block=block)


FAMILIES = {
    "resnet": (lambda: resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], 5), 16),
    "resnext": (lambda: resnet.ResNet(resnet.Bottleneck, [1, 1, 1, 1], 5, groups=4, width_per_group=4), 16),
    "vgg": (lambda: vgg.VGG(vgg.make_layers([8, "M", 16, "M"], True), 5, init_weights=False), 8),
    "densenet": (lambda: densenet.DenseNet(4, (2, 2), 8, num_classes=5), 16),
    "mobilenet_v2": (lambda: mobilenetv2.MobileNetV2(5, 0.25), 32),
    "mobilenet_v3": (_mobilenet_v3, 16),
    "efficientnet": (_efficientnet, 16),
    "regnet": (_regnet, 16),
    "convnext": (_convnext, 16),
    "shufflenet": (lambda: shufflenetv2.ShuffleNetV2([1, 2, 1], [8, 16, 16, 16, 16], 5), 32),
    "googlenet": (lambda: GoogLeNet(5, init_weights=False), 32),
    "inception": (lambda: Inception3(5, init_weights=False), 75),
    "squeezenet": (lambda: SqueezeNet("1_1", 5), 32),
    "mnasnet": (lambda: MNASNet(0.1, 5), 32),
    "vit": (_vit, 16),
    "swin": (_swin, 16),
    "swin_v2": (lambda: _swin(swin_transformer.SwinTransformerBlockV2), 16),
}


def assert_compacts_exactly(model, shape, density):
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.bias)
        elif isinstance(module, KERNEL_LAYERS) and module.bias is not None:
            nn.init.normal_(module.bias)
    model = model.double().eval()
    masks = {name: torch.rand(size) < density for name, size in Connectivity(model, shape).shapes.items()}
    small = compact(model, masks, shape)
    masked = copy.deepcopy(model)
    x = torch.randn(2, *shape, dtype=torch.float64)
    with torch.no_grad():
        for name, mask in masks.items():
            masked.get_parameter(name).mul_(mask)
        expected, found = masked(x), small(x)
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * scale)
    n_parameters = [sum(p.numel() for p in network.parameters()) for network in (small, model)]
    assert n_parameters[0] <= n_parameters[1]
    if density == 0.002:
        assert n_parameters[0] < n_parameters[1]


@pytest.mark.filterwarnings("ignore:no path is left")
@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_torchvision(family, density):
    build, size = FAMILIES[family]
    model = build()
    if family == "vgg":  # whose classifier has 120 million weights
        model.classifier = nn.Sequential(nn.Linear(16 * 49, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 5))
    assert_compacts_exactly(model, (3, size, size), density)


@pytest.mark.filterwarnings("ignore:no path is left")
@pytest.mark.parametrize(
    ("name", "densities"),
    [
        ("lenet-300-100", (0.5, 0.05, 0.01, 0.002)),
        ("lenet-5", (0.5, 0.05, 0.01, 0.002)),
        ("vgg-16", (0.01,)),
        ("vgg-19", (0.002,)),
        ("resnet-18", (0.002,)),
    ],
)
def test_networks_of_the_study(name, densities):
    network = NETWORKS[name]
    for density in densities:
        assert_compacts_exactly(network.build(), network.input_shape, density)


def test_full_size_resnet_50_loses_its_dead_filters():
    torch.manual_seed(0)
    model = get_model("resnet50", num_classes=5)
    mask = torch.ones_like(model.layer1[0].conv1.weight, dtype=torch.bool)
    mask[:10] = False
    small = compact(model, {"layer1.0.conv1.weight": mask}, (3, 32, 32))
    assert small.layer1[0].conv1.out_channels == 54
