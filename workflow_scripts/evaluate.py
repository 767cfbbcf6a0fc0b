"""Evaluate the dense network and all subnetworks of a replicate, and collect their histories."""

import pandas as pd

from effective_sparsity import datasets
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.storage import TensorFile
from effective_sparsity.study.cards import job_device
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import identified, reduction, write_table
from effective_sparsity.training.evaluation import evaluator
from effective_sparsity.training.result import load_trained

with job_log(snakemake.log[0]):
    dataset = datasets.load(snakemake.input.dataset)
    network = NETWORKS[snakemake.wildcards.architecture].with_classes(dataset.classes)
    device = job_device(snakemake.config.get("device", "auto"), snakemake.resources.gpu)
    evaluate = evaluator(network, dataset, device, snakemake.threads)

    rows, histories = [], []
    dense = [{"pruner": "dense"} for _ in snakemake.input.dense]
    files = [*snakemake.input.dense, *snakemake.input.trained]
    for keys, path in zip([*dense, *snakemake.params.subnetworks], files, strict=True):
        trained = load_trained(path)
        row = {**keys, "n_weights": None, "status": trained.status, "steps": trained.steps}
        row["hardware"] = trained.hardware
        if trained.status == "ok":
            loss, accuracy = evaluate(trained.state)
            row |= {"test_accuracy": accuracy, "test_loss": loss}
        rows.append(row)
        histories.append(identified(trained.history, **keys))
    initial = TensorFile(snakemake.input.initial)
    n_weights = sum(initial[name].size for name in initial.metadata["prunable"])
    rows = [row | {"n_weights": n_weights if row["pruner"] == "dense" else None} for row in rows]

    keys = dict(snakemake.wildcards.items())
    keys["dataset"] = dataset.label
    # No parameters of the rule: where they change, networks are ranked or trained again, and so evaluated.
    settings = snakemake.config["architectures"][keys["architecture"]]
    trains_inside = any(PRUNERS[row["pruner"]].trainings for row in rows if row["pruner"] != "dense")
    keys["reduced"] = reduction(
        dataset.note,
        snakemake.params.steps,
        network.recipe,
        snakemake.params.precision,
        settings.get("batch_size"),
        settings.get("steps_per_round") if trains_inside else None,
    )
    write_table(identified(pd.DataFrame(rows), **keys), snakemake.output.evaluation)
    write_table(identified(pd.concat(histories), **keys), snakemake.output.history)
