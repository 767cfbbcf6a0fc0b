"""Draw a figure."""

from pathlib import Path

import pandas as pd

from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.save import save
from effective_sparsity.study.job import job_log

with job_log(snakemake.log[0]):
    tables = {Path(path).stem: pd.read_csv(path) for path in snakemake.input}
    figure, drawn = FIGURES[snakemake.wildcards.figure].draw(tables)
    save(figure, drawn, Path(snakemake.output[0]).with_suffix(""))
