# The study of effective sparsity, from data to figures. `snakemake --list` shows the targets.
from snakemake.utils import min_version

min_version("9.25")

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "lib/common.smk"
include: "rules/data.smk"
include: "rules/dense.smk"
include: "rules/prune.smk"
include: "rules/retrain.smk"
include: "rules/evaluate.smk"
include: "rules/tables.smk"
include: "rules/claims.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/publish.smk"


rule all:
    input:
        [f"{ROOT}/tables/{name}.csv" for name in TABLES],
        [f"{ROOT}/figures/{figure}.{kind}" for figure in FIGURES for kind in ["pdf", "png"]],
        [f"{ROOT}/claims.md", f"{ROOT}/report.html"] if STUDY.train else [],


rule figures:
    input:
        [f"{ROOT}/figures/{figure}.pdf" for figure in FIGURES],


rule verdicts:
    input:
        f"{ROOT}/claims.md",


rule data:
    input:
        [DATASET.format(dataset=settings.dataset) for settings in STUDY.architectures.values()],


localrules:
    all,
    figures,
    verdicts,
    data,


onstart:
    print(progress(PLAN))


onsuccess:
    print(f"Done. Tables and figures are in {ROOT}.")


onerror:
    print(
        "Not done. Each failed job gives its reason above, on its first line and in its log. Finished work is kept: fix "
        "the cause and run the same command again. docs/workflow.md says more."
    )
