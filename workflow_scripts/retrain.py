"""Train the subnetworks of a pruner from the initial weights."""

import shutil

from effective_sparsity import datasets
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.subnetworks import SubnetworkFile
from effective_sparsity.storage import TensorFile
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.training.engines import train_subnetworks
from effective_sparsity.training.files import save_trained, save_unreachable
from effective_sparsity.training.recipe import Recipe

with job_log(snakemake.log[0]):
    file = SubnetworkFile(snakemake.input.subnetworks)
    subnetworks = {key: file[key] for key in snakemake.params.subnetworks}
    reached = {key: subnetwork for key, subnetwork in subnetworks.items() if subnetwork is not None}
    dataset = datasets.load(snakemake.input.dataset)
    trained = train_subnetworks(
        snakemake.params.engine,
        NETWORKS[snakemake.wildcards.architecture].with_classes(dataset.classes),
        TensorFile(snakemake.input.initial).tensors(),
        reached,
        dataset,
        Recipe(**snakemake.params.recipe),
        seed=int(snakemake.wildcards.seed),
        device=job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu),
        threads=snakemake.threads,
        work=snakemake.params.work,
    )
    for key, path in zip(snakemake.params.subnetworks, snakemake.output, strict=True):
        if key in trained:
            save_trained(path, trained[key].network, trained[key].masks)
        else:
            save_unreachable(path)
    shutil.rmtree(snakemake.params.work, ignore_errors=True)
