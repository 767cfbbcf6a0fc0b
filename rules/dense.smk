# The initial weights of each replicate, and the dense network trained from them.


rule initialise:
    output:
        INITIAL,
    log:
        f"{LOGS}/initialise/{{architecture}}-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/initialise/{{architecture}}-{{seed}}.tsv"
    conda:
        "../environment.yml"
    resources:
        **SMALL,
    params:
        version=versions.INITIAL,
        classes=lambda wildcards: STUDY.network(wildcards.architecture).classes,
    script:
        "../workflow_scripts/initialise.py"


rule train_dense:
    input:
        dataset=dataset_of,
        initial=INITIAL,
    output:
        DENSE,
    log:
        f"{LOGS}/train_dense/{{architecture}}-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_dense/{{architecture}}-{{seed}}.tsv"
    conda:
        "../environment.yml"
    resources:
        **needs("train_dense"),
    params:
        version=versions.TRAINING,
        recipe=recipe_of,
        engine=lambda wildcards: PLAN.engine(wildcards.architecture).name,
        precision=lambda wildcards: PLAN.precision(wildcards.architecture),
        work=f"{ROOT}/.work/{{architecture}}/seed-{{seed}}/dense",
    script:
        "../workflow_scripts/train.py"
