"""What a graphics processor does with this project: tests, times and a short study, all in one file.

    make gpu
    python benchmarks/gpu.py --device cpu --output gpu.txt --only times --networks lenet-5 --steps 2

1. The tests that need a GPU (tests/test_gpu.py).
2. Milliseconds of a training step of each network, dense, at the paper's batch size: the plain PyTorch loop
   on one batch, and the masked engine by precision and layout, with data, augmentation and normalisation.
   From the fastest follow the hours of studies/paper.yaml: steps and evaluations alone, of what trains on
   a GPU.
3. A study, studies/gpu.yaml if no other is named, from data to figures.

Without a GPU it says so and ends.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from noise import noise
from torch.nn.functional import cross_entropy

from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.registry import NETWORKS, Network
from effective_sparsity.networks.state import initial_state, with_state
from effective_sparsity.study.config import read_config
from effective_sparsity.study.include import with_included
from effective_sparsity.study.plan import Plan
from effective_sparsity.study.provenance import commit
from effective_sparsity.training.augmentation import draw
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.device import switches
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.masked import MaskedEngine
from effective_sparsity.training.run import Run

ROOT = Path(__file__).parents[1]

# The plain PyTorch loop, by precision of the forward pass; in float32 PyTorch computes convolutions in TF32.
PLAIN = {"plain loop": False, "plain loop, bfloat16": True}
ENGINE: dict[str, dict] = {
    "float32": {},
    "tf32": {"precision": "tf32"},
    "tf32, channels first": {"precision": "tf32", "channels_last": False},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, channels first": {"precision": "bfloat16", "channels_last": False},
    "bfloat16, compiled": {"precision": "bfloat16", "compile": True},
}
WARM_UP = 10  # steps; CUDA graphs are recorded within the first three


def seconds_of(run: Callable[[], object], device: str) -> float:
    start = time.perf_counter()
    run()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def ms_per_step(step: Callable[[int], object], device: str, steps: int) -> float:
    """Milliseconds of each of so many steps, after some that are not counted."""

    def run(numbers: range) -> None:
        for number in numbers:
            step(number)

    run(range(WARM_UP))
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return 1000 * seconds_of(lambda: run(range(WARM_UP, WARM_UP + steps)), device) / steps


def plain_loop(network: Network, device: str, steps: int, bfloat16: bool) -> float:
    """A step of dense training as it is usually written, always on the same batch."""
    model = network.build()
    initialise(model, 0)
    model.to(device)
    images = torch.rand(network.recipe.batch_size, *network.input_shape, device=device)
    labels = torch.zeros(len(images), dtype=torch.int64, device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def step(number: int) -> None:
        optimizer.zero_grad()
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bfloat16):
            loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()

    return ms_per_step(step, device, steps)


def engine(network: Network, device: str, steps: int, **options) -> float:
    """A step of the masked engine, dense, with data, augmentation and normalisation."""
    recipe = network.recipe
    data = noise(network, 4 * recipe.batch_size, 2)
    run = Run(dataset=data, recipe=recipe, seed=0, execution=Execution(device=device, **options))
    batches = Batches(len(data.train_labels), recipe.batch_size, seed=0)
    state, _ = initial_state(network, 0)
    with switches(run.execution):
        trained = MaskedEngine(with_state(network.build(), state), {}, run)

        def step(number: int) -> None:
            indices = batches.indices(number)
            drawn = draw(recipe.augmentation, batches.random(number), len(indices))
            trained.step(indices, drawn, recipe.learning_rate)

        return ms_per_step(step, device, steps)


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
    say(f"{'network':14} {'way':26} {'ms per step':>12} {'plain / it':>11}")
    total = 0.0
    for name in networks:
        network = plan.study.network(name)
        ways = {way: partial(plain_loop, bfloat16=bfloat16) for way, bfloat16 in PLAIN.items()}
        ways |= {way: partial(engine, **options) for way, options in ENGINE.items()}
        found: dict[str, float] = {}
        for way, measure in ways.items():
            try:
                found[way] = measure(network, device, steps)
            except Exception as error:  # such as no compiler; the other ways count
                say(f"{name:14} {way:26} {type(error).__name__}: {str(error).splitlines()[0]}")
                continue
            say(f"{name:14} {way:26} {found[way]:12.2f} {found['plain loop'] / found[way]:11.2f}")
        if plan.engine(name).uses_gpu:
            fastest = min((way for way in ENGINE if way in found), key=found.__getitem__)
            count, hours = paper_hours(plan, name, found[fastest])
            total += hours
            say(f"{name:14} studies/paper.yaml: {count:,} networks, {hours:,.0f} hours ({fastest})")
    say(f"together {total:,.0f} hours; networks trained on the CPU not counted")


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
    parser.add_argument("--study", default="studies/gpu.yaml", help="the study of the third part")
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
        say(f"commit {commit()}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}, {cards}")
        if options.only in (None, "tests"):
            status |= command(["pytest", "tests/test_gpu.py", "-m", "gpu", "-q", "-rs", "--tb=short"], say)
        if options.only in (None, "times"):
            times(options.networks, options.device, options.steps, say)
        if options.only in (None, "study"):
            with tempfile.TemporaryDirectory() as results:
                study = ["--configfile", options.study, "--config", f"device={options.device}"]
                quiet = ["--cores", "all", "--quiet", "rules", "host"]
                took = seconds_of(
                    lambda: command(["snakemake", *quiet, *study, f"results={results}", "study=gpu"], say),
                    "cpu",
                )
                table = Path(results, "gpu", "tables", "subnetworks.csv")
                status |= not table.is_file()
                say(f"the study took {took:.0f} s")
                say(table.read_text() if table.is_file() else "it did not finish; its messages are above")
    print(f"all of this is in {options.output}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
