"""Collect what the study cost, from the benchmark files that are there."""

import pandas as pd

from effective_sparsity.study.costs import costs
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import write_table

with job_log(snakemake.log[0]):
    subnetworks = pd.read_csv(snakemake.input[0])
    write_table(costs(subnetworks, snakemake.params.benchmarks, snakemake.params.shares), snakemake.output[0])
