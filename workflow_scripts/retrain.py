"""Train subnetworks of one or more pruners from the initial weights."""

import shutil

from effective_sparsity import datasets
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.pruning.subnetworks import subnetwork
from effective_sparsity.storage import TensorFile
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.training.engines import train_subnetworks
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.files import save_trained, save_unreachable
from effective_sparsity.training.hardware import hardware
from effective_sparsity.training.recipe import Recipe


def subnetworks_of(pruner, architecture, seed, files, wanted):
    """Subnetworks of a pruner by pruner, criterion and level, None where it does not reach the level."""
    rankings = Rankings(pruner, architecture, seed, files)
    # The criteria of a level after each other: iterative pruners have a ranking for each level.
    keys = sorted((key for key in wanted if key[0] == pruner), key=lambda key: float(key[2]))
    return {key: subnetwork(rankings[key[2]], key[1], float(key[2])) for key in keys}


with job_log(snakemake.log[0]):
    wanted = [tuple(key.split("/")) for key in snakemake.params.subnetworks]
    architecture, seed = snakemake.wildcards.architecture, int(snakemake.wildcards.seed)
    files = dict(snakemake.input.items())
    subnetworks = {}
    for pruner in dict.fromkeys(pruner for pruner, *_ in wanted):
        subnetworks |= subnetworks_of(pruner, architecture, seed, files, wanted)
    dataset = datasets.load(snakemake.input.dataset)
    engine = snakemake.params.engine
    device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)
    trained = train_subnetworks(
        engine,
        NETWORKS[architecture].with_classes(dataset.classes),
        TensorFile(snakemake.input.initial).tensors(),
        {key: subnetworks[key] for key in wanted if subnetworks[key] is not None},
        dataset,
        Recipe(**snakemake.params.recipe),
        seed=seed,
        device=device,
        threads=snakemake.threads,
        work=snakemake.params.work,
        execution=Execution.of({**snakemake.config, "precision": snakemake.params.precision}),
    )
    where = hardware(engine, device, snakemake.threads)
    for key, path in zip(wanted, snakemake.output, strict=True):
        if key in trained:
            save_trained(path, trained[key].network, trained[key].masks, where)
        else:
            save_unreachable(path)
    shutil.rmtree(snakemake.params.work, ignore_errors=True)
