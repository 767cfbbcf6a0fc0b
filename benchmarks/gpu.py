"""What a graphics processor does with this project: tests, times and a short study, all in one file.

    make gpu
    python benchmarks/gpu.py --device cpu --output gpu.txt --only times --networks lenet-5 --steps 2

1. The tests that need a GPU (tests/test_gpu.py).
2. Milliseconds of a training step of each network, dense, at the paper's batch size: the plain PyTorch loop
   on one batch, and the masked engine by precision, with data, augmentation and normalisation. From the
   fastest follow the hours of studies/paper.yaml: steps and evaluations alone, of what trains on a GPU.
3. The study studies/gpu.yaml from data to figures.

Without a GPU it says so and ends.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from noise import noise
from torch.nn.functional import cross_entropy

from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.registry import NETWORKS, Network
from effective_sparsity.networks.state import initial_state
from effective_sparsity.study.config import read_config
from effective_sparsity.study.include import with_included
from effective_sparsity.study.plan import Plan
from effective_sparsity.study.provenance import _commit
from effective_sparsity.training.engines import train
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.run import Run

ROOT = Path(__file__).parents[1]
WAYS: dict[str, dict] = {
    "float32": {},
    "tf32": {"precision": "tf32"},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, compiled": {"precision": "bfloat16", "compile": True},
}


def seconds_of(run: Callable[[], object], device: str) -> float:
    start = time.perf_counter()
    run()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def plain_loop(network: Network, device: str, steps: int) -> float:
    """Milliseconds of a step of dense training as it is usually written."""
    model = network.build()
    initialise(model, 0)
    model.to(device)
    images = torch.rand(network.recipe.batch_size, *network.input_shape, device=device)
    labels = torch.zeros(len(images), dtype=torch.int64, device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimizer.step()

    run(3)
    return 1000 * seconds_of(lambda: run(steps), device) / steps


def engine(network: Network, device: str, steps: int, **options) -> float:
    """Milliseconds of a step of the masked engine: a long run less a short one."""
    state, _ = initial_state(network, 0)
    data = noise(network, 2 * network.recipe.batch_size, 2)
    execution = Execution(device=device, **options)

    def seconds(steps: int) -> float:
        recipe = replace(network.recipe, steps=steps, milestones=(), evaluate_every=10**9)
        run = Run(dataset=data, recipe=recipe, seed=0, execution=execution)
        return seconds_of(lambda: train("masked", network, state, {"": {}}, run), device)

    seconds(1)
    return 1000 * (seconds(3 * steps) - seconds(steps)) / (2 * steps)


def paper_hours(plan: Plan, architecture: str, ms: float) -> tuple[int, float]:
    """How many networks of it a study trains, and the hours that their steps and evaluations take."""
    recipe = plan.recipe(architecture)
    count = sum(
        len(plan.subnetworks(architecture, seed, trained=True)) + plan.trains_dense(architecture, seed)
        for seed in plan.seeds(architecture)
    )
    test_pass = 10_000 / recipe.batch_size / 3  # in steps: a test image takes a third of a training image
    steps = recipe.steps * (1 + test_pass / recipe.evaluate_every)
    return count, count * steps * ms / 3.6e6


def times(networks: list[str], device: str, steps: int, say: Callable[[str], None]) -> None:
    plan = Plan(read_config(with_included({"include": "studies/paper.yaml"}, ROOT)))
    say(f"{'ms per step':16} {'plain loop':>12} " + " ".join(f"{way:>18}" for way in WAYS) + "   paper")
    total = 0.0
    for name in networks:
        network = plan.study.network(name)
        plain, found = plain_loop(network, device, steps), {}
        for way, options in WAYS.items():
            try:
                found[way] = engine(network, device, steps, **options)
            except Exception as error:  # such as no compiler; the other ways count
                say(f"{name}, {way}: {type(error).__name__}: {str(error).splitlines()[0]}")
        figures = " ".join(f"{found.get(way, np.nan):18.2f}" for way in WAYS)
        paper = "on the CPU"
        if plan.engine(name).uses_gpu:
            count, hours = paper_hours(plan, name, min(found.values()))
            total += hours
            paper = f"{count:,} networks, {hours:,.0f} hours"
        say(f"{name:16} {plain:12.2f} {figures}   {paper}")
    say(f"together {total:,.0f} hours")


def command(arguments: list[str], say: Callable[[str], None]) -> int:
    """Run a program in the project's folder, and pass on what it says; its exit status."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        say(line.rstrip())
    return process.wait()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Tests, times and a short study on a graphics processor.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--output", type=Path, default="gpu.txt")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--steps", type=int, default=50, help="steps of a measurement")
    parser.add_argument("--only", choices=["tests", "times", "study"])
    options = parser.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print(f"skipped: no GPU for PyTorch {torch.__version__} (torch.cuda.is_available() is False)")
        return 0
    status = 0
    with options.output.open("w") as file:

        def say(line: str) -> None:
            print(line, flush=True)
            print(line, file=file, flush=True)

        cards = [torch.cuda.get_device_name(card) for card in range(torch.cuda.device_count())]
        say(f"commit {_commit()}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}, {cards}")
        if options.only in (None, "tests"):
            status |= command(["pytest", "tests/test_gpu.py", "-m", "gpu", "-q", "-rs", "--tb=short"], say)
        if options.only in (None, "times"):
            times(options.networks, options.device, options.steps, say)
        if options.only in (None, "study"):
            with tempfile.TemporaryDirectory() as results:
                study = ["--configfile", "studies/gpu.yaml", "--config", f"device={options.device}"]
                quiet = ["--cores", "all", "--quiet", "rules", "host"]
                took = seconds_of(
                    lambda: command(["snakemake", *quiet, *study, f"results={results}"], say), "cpu"
                )
                table = Path(results, "gpu", "tables", "subnetworks.csv")
                status |= not table.is_file()
                say(f"the study took {took:.0f} s")
                say(table.read_text() if table.is_file() else "it did not finish; its messages are above")
    print(f"all of this is in {options.output}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
