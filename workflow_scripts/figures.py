"""Draw the figures."""

from pathlib import Path

from effective_sparsity.figures.save import draw
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import read_table

with job_log(snakemake.log[0]):
    tables = {Path(path).stem: read_table(path) for path in snakemake.input}
    draw(snakemake.params.figures, tables, Path(snakemake.output[0]).parent, snakemake.threads)
