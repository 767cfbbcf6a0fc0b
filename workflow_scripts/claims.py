"""Judge the paper's claims by the tables of the study."""

from pathlib import Path

from effective_sparsity.claims.page import page
from effective_sparsity.claims.verdicts import judge
from effective_sparsity.storage import replacing
from effective_sparsity.study.job import job_log
from effective_sparsity.study.tables import read_table, write_table

with job_log(snakemake.log[0]):
    tables = {Path(path).stem: read_table(path) for path in snakemake.input}
    claims, measurements = judge(tables, snakemake.params.study)
    write_table(claims, snakemake.output.claims)
    write_table(measurements, snakemake.output.measurements)
    with replacing(snakemake.output.page) as temporary:
        temporary.write_text(page(claims, measurements))
