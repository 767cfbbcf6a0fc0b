"""Cost of effective scores, against a search that asks for the active weights of one subnetwork at a time.

    python benchmarks/connectivity.py [network ...]
    python benchmarks/connectivity.py --memory ViT-L/16 ViT-H/14

The baseline is a binary search in plain PyTorch for the subnetwork of one effective compression, over the
threshold. Each question is reachability: weights 0 or 1, an input of ones, and the gradient; a weight is
active where weight times gradient is not zero (in float64, so that sums over paths neither under- nor
overflow). One pass answers for all compressions. Both must find the same subnetwork. Times are of the
processor, on one thread; networks above LARGEST_BASELINE weights are measured without the baseline.

With --memory, peak memory before and after one pass on signed float32 scores, each in a process of its own,
which keeps the scores or lets the result be written over them.
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
from effective_sparsity.networks import registry

LEVELS = 30
STUDY = ("lenet-300-100", "vgg-16", "vgg-19", "resnet-18")
NETWORKS = {name: (registry.NETWORKS[name].build, registry.NETWORKS[name].input_shape) for name in STUDY}
NETWORKS["ResNet-50"] = (torchvision.models.resnet50, (3, 224, 224))
NETWORKS["ViT-L/16"] = (torchvision.models.vit_l_16, (3, 224, 224))
NETWORKS["ViT-H/14"] = (torchvision.models.vit_h_14, (3, 224, 224))
LARGEST_BASELINE = 1e8
COMPRESSION = 10


def seconds(function, repeats):
    """Median time of a call, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def reachability(model, input_shape, scores):
    """A function from a threshold to the number of active weights, by float64 path sums."""
    model = model.double().eval()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.reset_parameters()
        elif getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    # The gradient of a maximum reaches one of its inputs alone, that of an average all.
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            parent, _, child = name.rpartition(".")
            average = nn.AvgPool2d(module.kernel_size, module.stride, module.padding)
            setattr(model.get_submodule(parent), child, average)
    weights = {name: model.get_parameter(name) for name in scores}
    sample = torch.ones(1, *input_shape, dtype=torch.float64)

    def count(threshold):
        with torch.no_grad():
            for name, score in scores.items():
                weights[name].copy_(score >= threshold)
        model.zero_grad()
        model(sample).sum().backward()
        return sum(int((weight * weight.grad).count_nonzero()) for weight in weights.values())

    return count


def search(count, n_weights):
    """The largest threshold with n_weights / COMPRESSION active weights; scores are 0 to n_weights - 1."""
    low, high = 0, n_weights
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) >= n_weights / COMPRESSION else (low, middle)
    return low


def measure(name, repeats):
    """Prints one row of the table; peak memory is that of the process before the baseline runs."""
    torch.set_num_threads(1)
    build, input_shape = NETWORKS[name]
    model = build()
    start = time.process_time()
    connectivity = Connectivity(model, input_shape)
    trace = time.process_time() - start
    n_weights = sum(map(math.prod, connectivity.shapes.values()))
    ranks = torch.randperm(n_weights, dtype=torch.int32).split(
        [math.prod(shape) for shape in connectivity.shapes.values()]
    )
    scores = {
        name: rank.view(shape) for (name, shape), rank in zip(connectivity.shapes.items(), ranks, strict=True)
    }
    connectivity.effective_scores(scores)
    one_pass = seconds(lambda: connectivity.effective_scores(scores), repeats)
    peak = peak_memory()
    row = f"{name:19}{n_weights / 1e6:8.2f} {trace:7.3f} {one_pass:10.4f}"
    if n_weights > LARGEST_BASELINE:
        print(f"{row}{peak:49.0f}", flush=True)
        return
    count = reachability(model, input_shape, scores)
    one_question = seconds(lambda: count(n_weights // 10 * 9), 1)
    start = time.process_time()
    found = search(count, n_weights)
    one_search = time.process_time() - start
    effective = torch.cat([score.flatten() for score in connectivity.effective_scores(scores).values()])
    assert (effective >= found).sum() >= n_weights / COMPRESSION > (effective >= found + 1).sum()
    print(
        f"{row} {one_question:9.4f} {one_search:9.1f} {one_search / one_pass:9.0f} "
        f"{LEVELS * one_search / one_pass:9.0f} {peak:9.0f}",
        flush=True,
    )


def measure_memory(name, overwrite):
    """Prints the peak memory of a pass on signed float32 scores."""
    torch.set_num_threads(1)
    build, input_shape = NETWORKS[name]
    connectivity = Connectivity(build(), input_shape)
    scores = {name: torch.randn(shape) for name, shape in connectivity.shapes.items()}
    before = peak_memory()
    start = time.process_time()
    connectivity.effective_scores(scores, overwrite=overwrite)
    one_pass = time.process_time() - start
    print(f"{name:19}{overwrite!s:>9} {one_pass:10.2f} {before:13.0f} {peak_memory():10.0f}", flush=True)


def peak_memory():
    """Of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def apart(function, *arguments):
    """Call it in a process of its own, so that the memory of one network does not hide that of the next."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=[*NETWORKS], help=", ".join(NETWORKS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="peak memory of one pass instead")
    options = parser.parse_args()
    if options.memory:
        print("                   overwrite all levels peak RSS (MiB) peak RSS")
        print("                                    (s)   before pass     after")
        for name in options.networks:
            for overwrite in (False, True):
                apart(measure_memory, name, overwrite)
        return
    print("                    weights   trace all levels  question  a search ratio for ratio for  peak RSS")
    print("                        (M)     (s)        (s)       (s)       (s) one level 30 levels     (MiB)")
    for name in options.networks:
        apart(measure, name, options.repeats)


if __name__ == "__main__":
    main()
