"""Prepare a data set. Mirrors and batch sizes are no parameters of the rule: they do not change the file."""

from pathlib import Path

from effective_sparsity.datasets import prepare
from effective_sparsity.study.config import read_config
from effective_sparsity.study.job import job_log
from effective_sparsity.study.plan import Plan

with job_log(snakemake.log[0]):
    output = Path(snakemake.output[0])
    prepare(
        snakemake.wildcards.dataset,
        output,
        raw_folder=output.parent / "raw",
        mirrors=snakemake.config.get("mirrors", []),
        **snakemake.params.own,
        batch_sizes=Plan(read_config(snakemake.config)).batch_sizes(snakemake.wildcards.dataset),
    )
