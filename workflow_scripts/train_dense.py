"""Train the dense network: the subnetwork that keeps every weight."""

import shutil

import numpy as np

from effective_sparsity import datasets
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.subnetworks import Subnetwork
from effective_sparsity.storage import TensorFile
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.training.engines import train_subnetworks
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.files import save_trained
from effective_sparsity.training.hardware import hardware
from effective_sparsity.training.recipe import Recipe

with job_log(snakemake.log[0]):
    dataset = datasets.load(snakemake.input.dataset)
    initial = TensorFile(snakemake.input.initial)
    every = {name: np.ones(initial[name].shape, bool) for name in initial.metadata["prunable"]}
    engine = snakemake.params.engine
    device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)
    trained = train_subnetworks(
        engine,
        NETWORKS[snakemake.wildcards.architecture].with_classes(dataset.classes),
        initial.tensors(),
        {"dense": Subnetwork(kept=every, active=every)},
        dataset,
        Recipe(**snakemake.params.recipe),
        seed=int(snakemake.wildcards.seed),
        device=device,
        threads=snakemake.threads,
        work=snakemake.params.work,
        execution=Execution.of({**snakemake.config, "precision": snakemake.params.precision}),
    )
    where = hardware(engine, device, snakemake.threads)
    save_trained(snakemake.output[0], trained["dense"].network, masks={}, hardware=where)
    shutil.rmtree(snakemake.params.work, ignore_errors=True)
