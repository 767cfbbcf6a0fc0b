"""What compaction makes of pruned networks: size, operations, latency, and the time of a training step.

    python benchmarks/compaction.py NETWORK... [--training] [--output FOLDER]

Each network is pruned without training to direct compressions of 10, 100 and 1,000 and compacted. One row per
subnetwork, appended to FOLDER/NETWORK/compaction.csv (or training.csv); those that are there already are not
measured again; compaction_figure.py publishes them. SNIP sees noise, not images, and ResNet-50 is pruned
at 64x64 pixels and compacted at 224x224.

Times are CPU milliseconds of one thread, the least of up to five repetitions, fewer if they are long; the
masked and the compacted network take turns. PyTorch and ONNX Runtime compute in float32.
Bytes are those of the tensors; "sparse" stores a weight as a bit mask and its values where that is smaller.
"""

import argparse
import csv
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
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
INFERENCE = ("random-igq", "random-erk", "magnitude-global", "snip", "synflow")
TRAINING = ("random-igq", "snip", "synflow")
SNIP_SAMPLES = 128
BATCHES = {"lenet-5": (1, 64), "vgg-16": (1, 64), "resnet-18": (1, 64), "resnet-50": (1, 64)}
TRAINING_BATCH = {"vgg-16": 32, "resnet-18": 8}
REPETITIONS = 5
ENOUGH = 1.0  # seconds; a repetition that takes longer is the last


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


def seconds(*functions: Callable[[], object]) -> list[float]:
    """The least CPU time of each function; they are called in turn, after a call of each to warm up."""
    for function in functions:
        function()
    times: list[list[float]] = [[] for _ in functions]
    while len(times[0]) < REPETITIONS and sum(map(sum, times)) < ENOUGH * len(functions):
        for function, measured in zip(functions, times, strict=True):
            start = time.process_time()
            function()
            measured.append(time.process_time() - start)
    return [min(measured) for measured in times]


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


def latencies(models: dict[str, nn.Module], sessions: dict, shape, batch: int) -> dict:
    """Milliseconds of a batch in both engines, by the names of the models."""
    x = torch.randn(batch, *shape)
    with torch.inference_mode():
        eager = seconds(*(partial(model, x) for model in models.values()))
    runtime = seconds(*(partial(run_session, session, x.numpy()) for session in sessions.values()))
    return {
        f"{engine}_ms_{batch}_{name}": 1000 * least
        for engine, times in (("pytorch", eager), ("onnxruntime", runtime))
        for name, least in zip(models, times, strict=True)
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


def subnetworks(name: str, pruners, done):
    """For each subnetwork its description, the model with its initial weights, and the masks."""
    network = network_of(name)
    state, prunable = initial_state(network, 0)
    trained = {weight: state[weight] for weight in prunable}
    inputs = Inputs(
        network, state, tuple(prunable), seed=0, dataset=noise(network, SNIP_SAMPLES, 1), trained=trained
    )
    for pruner in pruners:
        wanted = [c for c in COMPRESSIONS if (name, pruner, str(c)) not in done]
        scores = None
        for compression in wanted:
            if scores is None or PRUNERS[pruner].iterative:
                scores = PRUNERS[pruner].priorities(replace(inputs, compression=compression)).layers
            n_weights = sum(score.size for score in scores.values())
            threshold = n_weights - round(n_weights / compression) + 1
            masks = {weight: torch.from_numpy(score >= threshold) for weight, score in scores.items()}
            row = {"network": name, "pruner": pruner, "direct_compression": compression}
            yield row, inputs.model(), masks


def inference(name: str, done, folder: Path):
    shape = (3, 224, 224) if name == "resnet-50" else NETWORKS[name].input_shape
    session = None
    for row, model, masks in subnetworks(name, INFERENCE, done):
        apply(masks, model.eval())
        session = session or session_of(model, shape, folder / "before.onnx")  # zeros take as long as others
        active = sum(int(mask.sum()) for mask in effective_masks(model, masks, shape).values())
        n_weights = sum(mask.numel() for mask in masks.values())
        start = time.process_time()
        small = compaction(model, masks, shape).model.eval()
        row |= {
            "effective_compression": n_weights / active if active else math.inf,
            "compaction_seconds": time.process_time() - start,
        }
        models = {"before": model, "after": small}
        sessions = {"before": session, "after": session_of(small, shape, folder / "after.onnx")}
        for label, network in models.items():
            row |= {f"{key}_{label}": value for key, value in size(network, shape).items()}
        for batch in BATCHES[name]:
            row |= latencies(models, sessions, shape, batch)
        yield row


def apply(masks, model: nn.Module) -> None:
    with torch.no_grad():
        for weight, mask in masks.items():
            model.get_parameter(weight).mul_(mask)


def training(name: str, done, folder: Path):
    network = NETWORKS[name]
    for row, model, masks in subnetworks(name, TRAINING, done):
        result = compaction(model, masks, network.input_shape, constants="train")
        batch = TRAINING_BATCH[name]
        apply(masks, model)
        settings = network.input_shape, batch, network.classes
        dense, small = seconds(
            training_step(model, masks, *settings), training_step(result.model, result.masks, *settings)
        )
        yield row | {
            "batch": batch,
            "parameters_before": sum(p.numel() for p in model.parameters()),
            "parameters_after": sum(p.numel() for p in result.model.parameters()),
            "masked_ms": 1000 * dense,
            "compacted_ms": 1000 * small,
            "ratio": dense / small,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="+", choices=[*BATCHES])
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("results/compaction"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in options.networks:
        folder = options.output / name
        folder.mkdir(parents=True, exist_ok=True)
        table = folder / ("training.csv" if options.training else "compaction.csv")
        done = set()
        if table.exists():
            with table.open() as file:
                done = {(r["network"], r["pruner"], r["direct_compression"]) for r in csv.DictReader(file)}
        for row in (training if options.training else inference)(name, done, folder):
            rounded = {
                key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()
            }
            fresh = not table.exists()
            with table.open("a", newline="") as file:
                writer = csv.DictWriter(file, list(rounded))
                if fresh:
                    writer.writeheader()
                writer.writerow(rounded)
            print(rounded, flush=True)


if __name__ == "__main__":
    main()
