"""Count the weights of the subnetworks of pruners at all levels, and along their whole rankings."""

from itertools import groupby
from operator import itemgetter

import pandas as pd

from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.pruning.subnetworks import curve, layer_counts, subnetwork
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import identified, write_table

with job_log(snakemake.log[0]):
    architecture, seed = snakemake.wildcards.architecture, int(snakemake.wildcards.seed)
    layers, curves = [], []
    # Level by level: iterative pruners have a ranking for each. Pruners stay in the order of the study.
    of_study = list(dict.fromkeys(map(itemgetter("pruner"), snakemake.params.subnetworks)))
    order = sorted(
        snakemake.params.subnetworks,
        key=lambda keys: (of_study.index(keys["pruner"]), keys["target_compression"]),
    )
    for pruner, wanted in groupby(order, itemgetter("pruner")):
        keys = {"architecture": architecture, "seed": seed, "pruner": pruner}
        rankings = Rankings(pruner, architecture, seed, dict(snakemake.input.items()))
        compressions = {}
        for level, criterion, compression in map(
            itemgetter("level", "criterion", "target_compression"), wanted
        ):
            compressions[level] = compression
            pruned = subnetwork(rankings[level], criterion, compression)
            counts = layer_counts(pruned)
            if pruned:
                counts["log10_paths"] = round(rankings.connectivity.log10_paths(pruned.active), 6)
            layers.append(identified(counts, **keys, criterion=criterion, target_compression=compression))
        curves += [
            identified(curve(rankings[level]), **keys, target_compression=compressions.get(level))
            for level in rankings.distinct(compressions)
        ]
    write_table(pd.concat(layers), snakemake.output.layers)
    write_table(pd.concat(curves), snakemake.output.curve)
