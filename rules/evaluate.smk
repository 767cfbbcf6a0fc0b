# Evaluation on the test set, of networks read back from their files.


rule evaluate:
    input:
        dataset=dataset_of,
        initial=INITIAL,
        dense=dense_of,
        trained=trained_of,
    output:
        evaluation=f"{REPLICATE}/evaluation.csv",
        history=f"{REPLICATE}/history.csv",
    log:
        f"{LOGS}/evaluate/{{architecture}}-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{architecture}}-{{seed}}.tsv"
    conda:
        "../environment.yml"
    resources:
        **needs("evaluate"),
    params:
        version=versions.EVALUATION,
        subnetworks=subnetworks_of,
        steps=lambda wildcards: PLAN.recipe(wildcards.architecture).steps,
        precision=STUDY.precision,
    script:
        "../workflow_scripts/evaluate.py"
