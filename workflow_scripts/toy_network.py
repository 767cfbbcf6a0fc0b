"""Prune the toy network, for the figure that explains active and inactive weights."""

import torch

from effective_sparsity.pruning.toy_network import toy_subnetworks
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import write_table

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    table = toy_subnetworks(snakemake.params.compression, snakemake.params.seed)
    write_table(table, snakemake.output[0])
