"""Put claims, figures, tables and provenance into one HTML file."""

from pathlib import Path

from effective_sparsity.figures.save import read_svg
from effective_sparsity.report.render import render
from effective_sparsity.storage import replacing
from effective_sparsity.study.job import job_log
from effective_sparsity.study.provenance import read_provenance
from effective_sparsity.study.tables import read_table

with job_log(snakemake.log[0]):
    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    figures = {Path(path).stem: read_svg(path) for path in snakemake.input.figures}
    provenance = read_provenance(snakemake.input.provenance)
    page = render(snakemake.params.study, tables, figures, provenance)
    with replacing(snakemake.output[0]) as temporary:
        temporary.write_text(page, encoding="utf-8")
