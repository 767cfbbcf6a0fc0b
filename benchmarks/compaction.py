"""What compaction makes of pruned networks: size, operations, latency, and the time of a training step.

    python benchmarks/compaction.py NETWORK... [--pruners PRUNER...] [--output FOLDER]

Each network is pruned without training to direct compressions of 10, 100 and 1,000 and compacted. One row per
subnetwork, appended to FOLDER/NETWORK/compaction.csv, and to training.csv if its step is measured, too; rows
that are there already are not measured again; compaction_figure.py publishes them. SNIP sees noise, not
images, and ResNet-50 is pruned at 64x64 pixels and compacted at 224x224.

Times are CPU milliseconds of one thread in float32; the masked and the compacted network take turns. A
latency is the least of up to five repetitions, fewer if they are long; a step is the median of five.
Bytes are those of the tensors; "sparse" stores a weight as a bit mask and its values where that is smaller.
"""

import argparse
import csv
import math
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torchvision
from noise import noise
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from effective_sparsity.compaction import compaction
from effective_sparsity.compaction.onnx import save_onnx
from effective_sparsity.connectivity import effective_masks
from effective_sparsity.networks.registry import NETWORKS, Network
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.pruners import PRUNERS, Inputs

COMPRESSIONS = (10, 100, 1000)
PRUNERS_MEASURED = ("random-igq", "random-erk", "magnitude-global", "snip", "synflow")
PRUNERS_TRAINED = ("random-igq", "snip", "synflow")
SNIP_SAMPLES = 128
# Samples of the larger batch whose latency is measured.
BATCH = {"lenet-5": 64, "vgg-16": 64, "resnet-18": 16, "resnet-50": 16}
TRAINING_BATCH = {"vgg-16": 32, "resnet-18": 8}
REPETITIONS = 5
ENOUGH = 1.0  # seconds; a repetition that takes longer is the last
ROUND = 0.2  # seconds


def resnet_50(classes: int) -> nn.Module:
    return torchvision.models.resnet50(num_classes=classes)


def network_of(name: str) -> Network:
    if name != "resnet-50":
        return NETWORKS[name]
    return replace(
        NETWORKS["resnet-18"],
        builder="compaction:resnet_50",
        input_shape=(3, 64, 64),
        classes=1000,
        snip_batch=1,
    )


def rounds(*functions: Callable[[], object], enough: float) -> list[list[float]]:
    """CPU seconds of a call of each function by round: they take turns, after a call of each to warm up.

    A round calls a function for at least ROUND seconds, since systems count CPU time in ticks of some
    milliseconds.

    Args:
        enough: seconds of a function after which no round begins.
    """
    calls = []
    for function in functions:
        start = time.perf_counter()
        function()
        calls.append(math.ceil(ROUND / (time.perf_counter() - start)))
    times: list[list[float]] = []
    spent = 0.0
    while len(times) < REPETITIONS and spent < enough * len(functions):
        times.append([])
        for function, repeats in zip(functions, calls, strict=True):
            start = time.process_time()
            for _ in range(repeats):
                function()
            seconds = time.process_time() - start
            spent += seconds
            times[-1].append(seconds / repeats)
    return times


def size(model: nn.Module, shape) -> dict:
    """Parameters, floating point operations of a sample, and bytes."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.zeros(1, *shape))
    tensors = model.state_dict().values()
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "flops": counter.get_total_flops(),
        "bytes": sum(tensor.nbytes for tensor in tensors),
        "sparse_bytes": sum(map(sparse_bytes, tensors)),
    }


def session_of(model: nn.Module, shape, file: Path) -> onnxruntime.InferenceSession:
    save_onnx(model, shape, file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options)


def run_session(session: onnxruntime.InferenceSession, x: np.ndarray) -> None:
    session.run(None, {given.name: x for given in session.get_inputs()})


def latencies(models: dict[str, nn.Module], sessions: dict, shape, label: str, batch: int) -> dict:
    """Milliseconds of a batch in both engines, by the names of the models."""
    x = torch.randn(batch, *shape)
    with torch.inference_mode():
        eager = rounds(*(partial(model, x) for model in models.values()), enough=ENOUGH)
    runtime = rounds(
        *(partial(run_session, session, x.numpy()) for session in sessions.values()), enough=ENOUGH
    )
    return {
        f"{engine}_ms_{label}_{name}": 1000 * min(times)
        for engine, measured in (("pytorch", eager), ("onnxruntime", runtime))
        for name, times in zip(models, zip(*measured, strict=True), strict=True)
    }


def sparse_bytes(tensor: torch.Tensor) -> int:
    stored = math.ceil(tensor.numel() / 8) + int(tensor.count_nonzero()) * tensor.element_size()
    return min(tensor.nbytes, stored)


def training_step(model: nn.Module, masks, shape, batch: int, classes: int) -> Callable[[], None]:
    """A step of SGD with the gradients of pruned weights set to zero."""
    model.train()
    x, labels = torch.randn(batch, *shape), torch.randint(classes, (batch,))
    pairs = [(model.get_parameter(name), mask.float()) for name, mask in masks.items()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        for weight, mask in pairs:
            weight.grad.mul_(mask)
        optimizer.step()

    return step


def subnetworks(name: str, wanted: list[tuple[str, int]]):
    """For each pruner and compression these, the model with its initial weights, and the masks."""
    network = network_of(name)
    state, prunable = initial_state(network, 0)
    trained = {weight: state[weight] for weight in prunable}
    inputs = Inputs(
        network, state, tuple(prunable), seed=0, dataset=noise(network, SNIP_SAMPLES, 1), trained=trained
    )
    ranked, scores = None, {}
    for pruner, compression in wanted:
        if ranked != pruner or PRUNERS[pruner].iterative:
            scores = PRUNERS[pruner].priorities(replace(inputs, compression=compression)).layers
            ranked = pruner
        n_weights = sum(score.size for score in scores.values())
        threshold = n_weights - round(n_weights / compression) + 1
        masks = {weight: torch.from_numpy(score >= threshold) for weight, score in scores.items()}
        model = inputs.model()
        apply(masks, model)
        yield (pruner, compression), model, masks


def apply(masks, model: nn.Module) -> None:
    with torch.no_grad():
        for weight, mask in masks.items():
            model.get_parameter(weight).mul_(mask)


def inference(name: str, model: nn.Module, masks, folder: Path) -> dict:
    """Size, operations and latency of a subnetwork, before and after compaction."""
    model.eval()
    shape = (3, 224, 224) if name == "resnet-50" else NETWORKS[name].input_shape
    active = sum(int(mask.sum()) for mask in effective_masks(model, masks, shape).values())
    n_weights = sum(mask.numel() for mask in masks.values())
    start = time.process_time()
    small = compaction(model, masks, shape).model.eval()
    row = {
        "batch": BATCH[name],
        "effective_compression": n_weights / active if active else math.inf,
        "compaction_seconds": time.process_time() - start,
    }
    models = {"before": model, "after": small}
    sessions = {label: session_of(each, shape, folder / f"{label}.onnx") for label, each in models.items()}
    for label, each in models.items():
        row |= {f"{key}_{label}": value for key, value in size(each, shape).items()}
    for label, batch in {"one": 1, "batch": BATCH[name]}.items():
        row |= latencies(models, sessions, shape, label, batch)
    return row


def training(name: str, model: nn.Module, masks, folder: Path) -> dict:
    """Time of a training step of a subnetwork, masked and compacted; trains the model."""
    network, batch = NETWORKS[name], TRAINING_BATCH[name]
    result = compaction(model, masks, network.input_shape, constants="train")
    settings = network.input_shape, batch, network.classes
    steps = rounds(
        training_step(model, masks, *settings),
        training_step(result.model, result.masks, *settings),
        enough=math.inf,
    )
    masked, compacted = map(statistics.median, zip(*steps, strict=True))
    return {
        "batch": batch,
        "parameters_before": sum(p.numel() for p in model.parameters()),
        "parameters_after": sum(p.numel() for p in result.model.parameters()),
        "masked_ms": 1000 * masked,
        "compacted_ms": 1000 * compacted,
        "ratio": statistics.median(before / after for before, after in steps),
    }


class Table:
    """A CSV file of measured subnetworks, written row by row."""

    def __init__(self, path: Path, pruners, measure):
        self.path, self.pruners, self.measure = path, pruners, measure
        self.done = set()
        if path.exists():
            with path.open() as file:
                self.done = {(row["pruner"], int(row["direct_compression"])) for row in csv.DictReader(file)}

    def wants(self, pruner: str, compression: int) -> bool:
        return pruner in self.pruners and (pruner, compression) not in self.done

    def append(self, row: dict) -> None:
        rounded = {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(rounded))
            if fresh:
                writer.writeheader()
            writer.writerow(rounded)
        print(rounded, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="+", choices=[*BATCH])
    parser.add_argument("--pruners", nargs="+", choices=PRUNERS_MEASURED, default=PRUNERS_MEASURED)
    parser.add_argument("--output", type=Path, default=Path("results/compaction"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in options.networks:
        folder = options.output / name
        folder.mkdir(parents=True, exist_ok=True)
        tables = [Table(folder / "compaction.csv", PRUNERS_MEASURED, inference)]
        if name in TRAINING_BATCH:
            tables.append(Table(folder / "training.csv", PRUNERS_TRAINED, training))
        wanted = [
            subnetwork
            for subnetwork in product(options.pruners, COMPRESSIONS)
            if any(table.wants(*subnetwork) for table in tables)
        ]
        for (pruner, compression), model, masks in subnetworks(name, wanted):
            row = {"network": name, "pruner": pruner, "direct_compression": compression}
            for table in tables:
                if table.wants(pruner, compression):
                    table.append(row | table.measure(name, model, masks, folder))


if __name__ == "__main__":
    main()
