"""Put claims, figures, tables and provenance into one HTML file."""

import json
from pathlib import Path

import pandas as pd

from effective_sparsity.report.render import render
from effective_sparsity.storage import replacing
from effective_sparsity.study.job import job_log

with job_log(snakemake.log[0]):
    tables = {Path(path).stem: pd.read_csv(path) for path in snakemake.input.tables}
    figures = {Path(path).stem: Path(path).read_bytes() for path in snakemake.input.figures}
    provenance = json.loads(Path(snakemake.input.provenance).read_text())
    page = render(snakemake.params.study, tables, figures, provenance)
    with replacing(snakemake.output[0]) as temporary:
        temporary.write_text(page, encoding="utf-8")
