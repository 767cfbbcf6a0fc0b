"""Publish a study: its tables, figures and a page that shows them, in a folder of a few megabytes."""

from pathlib import Path

from effective_sparsity.report.publish import publish
from effective_sparsity.study.job import job_log

with job_log(snakemake.log[0]):
    publish(Path(snakemake.input.provenance).parents[1], Path(snakemake.output[0]).parent)
