"""Evaluate the dense network and all subnetworks of a replicate, and collect their histories."""

import pandas as pd
import torch

from effective_sparsity import datasets
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import with_state
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import identified, reduction, write_table
from effective_sparsity.training.files import load_trained
from effective_sparsity.training.masked import evaluate

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    dataset = datasets.load(snakemake.input.dataset)
    network = NETWORKS[snakemake.wildcards.architecture].with_classes(dataset.classes)
    model = network.build()
    device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)

    rows, histories = [], []
    files = [snakemake.input.dense, *snakemake.input.trained]
    for keys, path in zip([{"pruner": "dense"}, *snakemake.params.subnetworks], files, strict=True):
        trained = load_trained(path)
        row = {**keys, "n_weights": None, "status": trained.status, "steps": trained.steps}
        if trained.status == "ok":
            loss, accuracy = evaluate(with_state(model, trained.state), dataset, device)
            row |= {"test_accuracy": accuracy, "test_loss": loss}
        rows.append(row)
        histories.append(identified(trained.history, **keys))
    rows[0]["n_weights"] = sum(weight.numel() for weight in kernels(model).values())

    keys = dict(snakemake.wildcards.items())
    keys["dataset"] = dataset.label
    keys["reduced"] = reduction(dataset.note, snakemake.params.steps, network.recipe.steps)
    write_table(identified(pd.DataFrame(rows), **keys), snakemake.output.evaluation)
    write_table(identified(pd.concat(histories), **keys), snakemake.output.history)
