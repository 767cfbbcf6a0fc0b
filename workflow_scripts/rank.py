"""Rank the weights of a network: once for a one-shot pruner, once for each level for an iterative one."""

import torch

from effective_sparsity import datasets
from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.rank import rank
from effective_sparsity.pruning.ranking_file import ONE_SHOT, RankingFile, save_rankings
from effective_sparsity.storage import TensorFile
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.training.files import load_trained
from effective_sparsity.training.masked import resolve_device

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    pruner = PRUNERS[snakemake.wildcards.pruner]
    files, settings = snakemake.input, snakemake.params.settings
    initial = TensorFile(files.initial)
    inputs = Inputs(
        network=NETWORKS[snakemake.wildcards.architecture].with_classes(initial.metadata["classes"]),
        initial=initial.tensors(),
        prunable=tuple(initial.metadata["prunable"]),
        seed=int(snakemake.wildcards.seed),
    )
    if pruner.needs_data:
        device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)
        inputs = inputs.having(
            dataset=datasets.load(files.dataset),
            snip_loss=settings["snip_loss"],
            device=str(resolve_device(device)),
        )
    if pruner.needs_trained:
        state = load_trained(files.dense).state
        inputs = inputs.having(trained={name: state[name] for name in inputs.prunable})
    connectivity = Connectivity(inputs.model(), inputs.network.input_shape)

    levels = settings.get("levels", {ONE_SHOT: None})

    def ranking_of(level):
        borrowed = RankingFile(files.lender)[level].priority if pruner.borrows else None
        return rank(pruner, inputs.having(compression=levels[level], borrowed=borrowed), connectivity)

    save_rankings(snakemake.output[0], list(levels), map(ranking_of, levels))
