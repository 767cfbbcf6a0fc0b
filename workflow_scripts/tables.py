"""Put the tables of the study together."""

import pandas as pd

from effective_sparsity.study import tables
from effective_sparsity.study.config import read_config
from effective_sparsity.study.job import job_log
from effective_sparsity.study.plan import Plan
from effective_sparsity.study.provenance import write_provenance

with job_log(snakemake.log[0]):
    study = snakemake.params.study
    plan = Plan(read_config(snakemake.config))
    trained = bool(snakemake.input.evaluations)
    layers = tables.read_tables(snakemake.input.layers, study)
    curves = tables.read_tables(snakemake.input.curves, study)
    evaluations = tables.read_tables(snakemake.input.evaluations, study) if trained else pd.DataFrame()
    untrained = tables.identified(tables.untrained(plan, evaluations), study=study)
    evaluations = pd.concat([table for table in (evaluations, untrained) if len(table)], ignore_index=True)
    made = {
        "subnetworks": tables.subnetworks(evaluations, layers),
        "layers": tables.with_dataset(layers, evaluations),
        "curves": tables.with_dataset(curves, evaluations),
    }
    if trained:
        made["dense"] = tables.dense(evaluations)
        made["history"] = tables.read_tables(snakemake.input.histories, study)
    for name, table in made.items():
        tables.write_table(table, snakemake.output[name], tables.COLUMNS[name])
    # Networks by hardware; the files of earlier versions do not say.
    trained_on = evaluations["hardware"].value_counts().to_dict() if "hardware" in evaluations else {}
    # From the configuration, not from a parameter: mirrors and devices are worth noting, but change no table.
    write_provenance(snakemake.output.provenance, plan.study, trained_on)
