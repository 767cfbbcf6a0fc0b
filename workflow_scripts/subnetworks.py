"""Read the subnetworks at all levels off a ranking, with their counts and the ranking's curve."""

import pandas as pd

from effective_sparsity.pruning.ranking_file import RankingFile
from effective_sparsity.pruning.subnetworks import SubnetworkWriter, curve, layer_counts, subnetwork
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import identified, write_table

with job_log(snakemake.log[0]):
    rankings = RankingFile(snakemake.input[0])
    writer = SubnetworkWriter()
    layers = []
    for level, compression in snakemake.params.levels.items():
        for criterion in snakemake.params.criteria:
            pruned = subnetwork(rankings[level], criterion, compression)
            writer.add(f"{criterion}/{level}", pruned)
            layers.append(
                identified(layer_counts(pruned), criterion=criterion, target_compression=compression)
            )
    curves = [
        identified(curve(rankings[level]), target_compression=snakemake.params.levels.get(level))
        for level in rankings.levels
    ]
    keys = dict(snakemake.wildcards.items())
    writer.save(snakemake.output.subnetworks)
    write_table(identified(pd.concat(layers), **keys), snakemake.output.layers)
    write_table(identified(pd.concat(curves), **keys), snakemake.output.curve)
