"""Count the weights of the subnetworks of pruners at all levels, and along their whole rankings."""

import pandas as pd

from effective_sparsity.connectivity import live_inputs
from effective_sparsity.datasets.store import load
from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.pruning.subnetworks import curve, layer_counts, subnetwork
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import identified, write_table

with job_log(snakemake.log[0]):
    architecture, seed = snakemake.wildcards.architecture, int(snakemake.wildcards.seed)
    layers, curves = [], []
    live, deviation = None, snakemake.params.get("live_input_deviation")
    if deviation is not None:
        # The deviation is on the scale of 0 to 1, the images are on that of 0 to 255.
        live = live_inputs(load(snakemake.input.dataset).train_images, 255 * deviation)
    for pruner, wanted in pd.DataFrame(snakemake.params.subnetworks).groupby("pruner", sort=False):
        keys = {"architecture": architecture, "seed": seed, "pruner": pruner}
        rankings = Rankings(pruner, architecture, seed, dict(snakemake.input.items()))
        # Level by level: iterative pruners have a ranking for each.
        wanted = wanted.sort_values("target_compression", kind="stable")
        compressions = dict(zip(wanted.level, wanted.target_compression, strict=True))
        columns = wanted[["level", "criterion", "target_compression"]]
        for level, criterion, compression in columns.itertuples(index=False, name=None):
            pruned = subnetwork(rankings[level], criterion, compression)
            over_live = None
            if live is not None:
                effective_masks = rankings.connectivity.effective_masks
                over_live = effective_masks(pruned.active, live_inputs=live) if pruned else {}
            counts = layer_counts(pruned, over_live)
            if pruned:
                counts["log10_paths"] = round(rankings.connectivity.log10_paths(pruned.active), 6)
            layers.append(identified(counts, **keys, criterion=criterion, target_compression=compression))
        for level in rankings.distinct(compressions):
            over_live = None if live is None else rankings.over_live_inputs(level, live)
            table = curve(rankings[level], over_live=over_live)
            curves.append(identified(table, **keys, target_compression=compressions.get(level)))
    write_table(pd.concat(layers), snakemake.output.layers)
    write_table(pd.concat(curves), snakemake.output.curve)
