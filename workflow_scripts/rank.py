"""Rank the weights of a network: once for a one-shot pruner, once for each level for an iterative one."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch

from effective_sparsity import datasets
from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.pruning.imp import Training
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.pruning.ranking_file import ONE_SHOT, RankingFile, save_rankings
from effective_sparsity.pruning.rankings import inputs_of
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.training.device import resolve_device, switches
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.run import Run

# Gradients in float32, also where PyTorch lets a GPU round the factors of convolutions.
with job_log(snakemake.log[0]), switches(Execution()):
    torch.set_num_threads(snakemake.threads)
    name, architecture = snakemake.wildcards.pruner, snakemake.wildcards.architecture
    files, settings, pruner = snakemake.input, snakemake.params.settings, PRUNERS[name]
    inputs = inputs_of(name, architecture, int(snakemake.wildcards.seed), dict(files.items()))
    if pruner.needs_data:
        device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)
        inputs = replace(inputs, dataset=datasets.load(files.dataset), device=str(resolve_device(device)))
    if pruner.needs_loss:
        inputs = replace(inputs, snip_loss=settings["snip_loss"])

    if pruner.trainings:
        own = {"device": device, "threads": snakemake.threads, "precision": settings["precision"]}
        run = Run(
            dataset=inputs.dataset,
            recipe=Recipe(**settings["recipe"]),
            seed=inputs.seed,
            execution=Execution.of(snakemake.config | own),
            work=Path(settings["work"]),
        )
        training = Training(settings["engine"], inputs.network, inputs.initial, inputs.prunable, run)
        inputs = replace(inputs, train=training)

    levels = settings.get("levels", {ONE_SHOT: None})

    def priorities_at(level):
        borrowed = RankingFile(files[pruner.borrows])[level] if pruner.borrows else None
        return pruner.priorities(replace(inputs, compression=levels[level], borrowed=borrowed))

    save_rankings(snakemake.output[0], list(levels), map(priorities_at, levels))
    if pruner.trainings:
        shutil.rmtree(settings["work"], ignore_errors=True)
