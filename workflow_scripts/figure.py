"""Draw a figure."""

from pathlib import Path

from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.save import save
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import read_table

with job_log(snakemake.log[0]):
    tables = {Path(path).stem: read_table(path) for path in snakemake.input}
    figure, drawn = FIGURES[snakemake.wildcards.figure].draw(tables)
    save(figure, drawn, Path(snakemake.output[0]).with_suffix(""))
