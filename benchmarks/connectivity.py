"""Cost of effective scores, against a search that asks for the active weights of one subnetwork at a time.

    python benchmarks/connectivity.py [network ...]

The baseline is the plain way in PyTorch: positive weights under a mask, an input of ones, and the gradient; a
The baseline is the plain way in PyTorch: positive weights under a mask, an input of ones, and the gradient; a
The baseline is the plain way in PyTorch: positive weights under a mask, an input of ones, and the gradient; a
    weight is active where weight times gradient is not zero (float64, so that sums over paths neither under-
    nor overflow). A binary search over the kept weights asks it log2(N) times for one effective compression.
    Baseline figures for a search
are the measured time of one question times the number of questions.
"""

import argparse
import math
import multiprocessing
import resource
import statistics
import time

import torch
import torchvision
from torch import nn

from effective_sparsity.connectivity import Connectivity

LEVELS = 30


def lenet_300_100():
    """784-300-100-10 with batch norm."""
    layers = [nn.Flatten()]
    for inputs, outputs in ((784, 300), (300, 100), (100, 10)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def vgg(depths, classes):
    """3x3 convolutions with batch norm in five blocks, each followed by a maximum pool."""
    layers, channels = [], 3
    for width, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, classes))


def resnet18_for_small_images():
    """ResNet-18 with a 3x3 stem of stride 1 and no pool behind it."""
    model = torchvision.models.resnet18(num_classes=200)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


NETWORKS = {
    "LeNet-300-100": (lenet_300_100, (1, 28, 28)),
    "VGG-16, 32x32": (lambda: vgg((2, 2, 3, 3, 3), 10), (3, 32, 32)),
    "VGG-19, 32x32": (lambda: vgg((2, 2, 4, 4, 4), 100), (3, 32, 32)),
    "ResNet-18, 64x64": (resnet18_for_small_images, (3, 64, 64)),
    "ResNet-50, 224x224": (torchvision.models.resnet50, (3, 224, 224)),
}


def seconds(function, repeats):
    """Median time of a call, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def gradient_reachability(model, input_shape, masks):
    """A function that counts the active weights of one subnetwork by float64 path sums."""
    model = model.double().eval()
    for name, parameter in model.named_parameters():
        parameter.data = masks[name].double() if name in masks else torch.zeros_like(parameter)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.ones_(module.weight)
    sample = torch.ones(1, *input_shape, dtype=torch.float64)

    def count():
        model.zero_grad()
        model(sample).sum().backward()
        return sum(
            int((mask * model.get_parameter(name).grad).count_nonzero()) for name, mask in masks.items()
        )

    return count


def measure(name, repeats, threads):
    """Prints one row of the table; peak memory is that of the process before the baseline runs."""
    torch.set_num_threads(threads)
    build, input_shape = NETWORKS[name]
    model = build()
    start = time.perf_counter()
    connectivity = Connectivity(model, input_shape)
    trace = time.perf_counter() - start
    n_weights = sum(shape.numel() for shape in connectivity.shapes.values())
    ranks = torch.randperm(n_weights, dtype=torch.int32).split(
        [s.numel() for s in connectivity.shapes.values()]
    )
    scores = {
        name: rank.view(shape) for (name, shape), rank in zip(connectivity.shapes.items(), ranks, strict=True)
    }
    connectivity.effective_scores(scores)
    one_pass = seconds(lambda: connectivity.effective_scores(scores), repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    masks = {name: score >= n_weights // 10 * 9 for name, score in scores.items()}
    one_question = seconds(gradient_reachability(model, input_shape, masks), 1)
    one_search = one_question * math.ceil(math.log2(n_weights))
    print(
        f"{name:19}{n_weights / 1e6:8.2f} {trace:7.3f} {one_pass:10.4f} {one_question:9.4f} "
        f"{one_search:9.1f} {one_search / one_pass:9.0f} {LEVELS * one_search / one_pass:9.0f} "
        f"{peak / 2**10:9.0f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=[*NETWORKS], help=", ".join(NETWORKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print("                    weights   trace all levels  question  a search ratio for ratio for  peak RSS")
    print("                        (M)     (s)        (s)       (s)       (s) one level 30 levels     (MiB)")
    for name in options.networks:
        # A process each, so that the memory of one network does not hide that of the next.
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(name, options.repeats, options.threads)
        )
        process.start()
        process.join()


if __name__ == "__main__":
    main()
