"""Prepare a data set. The mirrors are no parameter of the rule: another mirror gives the same file."""

from pathlib import Path

from effective_sparsity.datasets import prepare
from effective_sparsity.study.job import job_log

with job_log(snakemake.log[0]):
    output = Path(snakemake.output[0])
    prepare(
        snakemake.wildcards.dataset,
        output,
        raw_folder=output.parent / "raw",
        mirrors=snakemake.config.get("mirrors", []),
        **snakemake.params.own,
    )
