"""Train the dense network."""

from pathlib import Path

import torch

from effective_sparsity import datasets
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import with_state
from effective_sparsity.storage import TensorFile
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.files import save_trained
from effective_sparsity.training.hardware import hardware
from effective_sparsity.training.masked import train_masked
from effective_sparsity.training.recipe import Recipe

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    dataset = datasets.load(snakemake.input.dataset)
    network = NETWORKS[snakemake.wildcards.architecture].with_classes(dataset.classes)
    device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)
    trained = train_masked(
        with_state(network.build(), TensorFile(snakemake.input.initial).tensors()),
        masks={},
        dataset=dataset,
        recipe=Recipe(**snakemake.params.recipe),
        seed=int(snakemake.wildcards.seed),
        device=device,
        work=snakemake.params.work,
        execution=Execution.of({**snakemake.config, "precision": snakemake.params.precision}),
    )
    where = hardware("masked", device, snakemake.threads)
    save_trained(snakemake.output[0], trained, masks={}, hardware=where)
    Path(snakemake.params.work).unlink(missing_ok=True)
