# Data sets: fetched and checked once, shared by all studies.


localrules:
    download,


rule download:
    output:
        DATASET,
    log:
        f"{STUDY.data}/logs/{{dataset}}.log",
    benchmark:
        f"{STUDY.data}/logs/{{dataset}}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        own=lambda wildcards: PLAN.own_dataset(wildcards.dataset),
    script:
        "../workflow_scripts/download.py"
