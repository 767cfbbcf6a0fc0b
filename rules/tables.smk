# The tables of the study, from the files of all its replicates.


rule tables:
    input:
        evaluations=PLAN.files(f"{REPLICATE}/evaluation.csv", trained=True),
        histories=PLAN.files(f"{REPLICATE}/history.csv", trained=True),
        layers=PLAN.files(f"{PRUNED}/layers.csv"),
        curves=PLAN.files(f"{PRUNED}/curve.csv"),
    output:
        **{name: f"{ROOT}/tables/{name}.csv" for name in TABLES},
        provenance=f"{ROOT}/tables/provenance.json",
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{BENCHMARKS}/tables.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        study=STUDY.study,
        version=versions.TABLES,
    script:
        "../workflow_scripts/tables.py"
