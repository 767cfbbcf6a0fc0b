"""Train networks from the initial weights: the dense one, or subnetworks of one or more pruners."""

import shutil
from pathlib import Path

from effective_sparsity import datasets
from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.pruning.subnetworks import subnetwork
from effective_sparsity.storage import TensorFile
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.training.engines import ENGINES, train
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.result import UNREACHABLE, save_trained
from effective_sparsity.training.run import Run

DENSE = ["dense"]


def masks_of(wanted, engine, architecture, seed, files):
    """The masks to train by `pruner/criterion/level`, without levels that the pruner does not reach."""
    if wanted == DENSE:
        return {"dense": {}}
    masks, rankings = {}, {}
    # The criteria of a level after each other: iterative pruners have a ranking for each level.
    for key in sorted(wanted, key=lambda key: (key.split("/")[0], float(key.split("/")[2]))):
        pruner, criterion, level = key.split("/")
        if pruner not in rankings:
            rankings = {pruner: Rankings(pruner, architecture, seed, files)}
        chosen = subnetwork(rankings[pruner][level], criterion, float(level))
        if chosen is not None:
            masks[key] = chosen.active if engine.weights == "active" else chosen.kept
    return masks


with job_log(snakemake.log[0]):
    architecture, seed = snakemake.wildcards.architecture, int(snakemake.wildcards.seed)
    engine = ENGINES[snakemake.params.engine]
    wanted = snakemake.params.get("subnetworks", DENSE)
    masks = masks_of(wanted, engine, architecture, seed, dict(snakemake.input.items()))
    dataset = datasets.load(snakemake.input.dataset)
    device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)
    own = {"device": device, "threads": snakemake.threads, "precision": snakemake.params.precision}
    run = Run(
        dataset=dataset,
        recipe=Recipe(**snakemake.params.recipe),
        seed=seed,
        execution=Execution.of(snakemake.config | own),
        work=Path(snakemake.params.work),
    )
    network = NETWORKS[architecture].with_classes(dataset.classes)
    trained = train(engine.name, network, TensorFile(snakemake.input.initial).tensors(), masks, run)
    for key, path in zip(wanted, snakemake.output, strict=True):
        save_trained(path, trained.get(key, UNREACHABLE), masks.get(key, {}))
    shutil.rmtree(run.work, ignore_errors=True)
