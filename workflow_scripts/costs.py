"""Collect what the study cost, from the benchmark files that are there."""

from effective_sparsity.study.costs import costs
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import read_table, write_table

with job_log(snakemake.log[0]):
    subnetworks = read_table(snakemake.input[0])
    write_table(costs(subnetworks, snakemake.params.benchmarks, snakemake.params.jobs), snakemake.output[0])
