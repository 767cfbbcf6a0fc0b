"""Count the weights of the subnetworks of a pruner at all levels, and along its whole rankings."""

from operator import itemgetter

import pandas as pd

from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.pruning.subnetworks import curve, layer_counts, subnetwork
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import identified, write_table

with job_log(snakemake.log[0]):
    keys = dict(snakemake.wildcards.items())
    rankings = Rankings(
        keys["pruner"], keys["architecture"], int(keys["seed"]), dict(snakemake.input.items())
    )
    layers = []
    compressions = {}
    # Level by level: iterative pruners have a ranking for each.
    for wanted in sorted(snakemake.params.subnetworks, key=itemgetter("target_compression")):
        level, criterion, compression = wanted["level"], wanted["criterion"], wanted["target_compression"]
        compressions[level] = compression
        counts = layer_counts(subnetwork(rankings[level], criterion, compression))
        layers.append(identified(counts, criterion=criterion, target_compression=compression))
    curves = [
        identified(curve(rankings[level]), target_compression=compressions.get(level))
        for level in rankings.distinct(compressions)
    ]
    write_table(identified(pd.concat(layers), **keys), snakemake.output.layers)
    write_table(identified(pd.concat(curves), **keys), snakemake.output.curve)
