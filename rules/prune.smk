# Rankings, and what is left at each level. Only rankings that take gradients or the data set are stored;
# the others, and all subnetworks, are made where they are needed, from the network's connectivity.


rule trace:
    output:
        CONNECTIVITY,
    log:
        f"{LOGS}/trace/{{architecture}}.log",
    benchmark:
        f"{BENCHMARKS}/trace/{{architecture}}.tsv"
    conda:
        "../environment.yml"
    resources:
        **SMALL,
    params:
        version=versions.CONNECTIVITY,
        classes=lambda wildcards: STUDY.network(wildcards.architecture).classes,
    script:
        "../workflow_scripts/trace.py"


rule rank:
    input:
        unpack(inputs_of_rank),
    output:
        RANKING,
    log:
        f"{LOGS}/rank/{{architecture}}-{{seed}}-{{pruner}}.log",
    benchmark:
        f"{BENCHMARKS}/rank/{{architecture}}-{{seed}}-{{pruner}}.tsv"
    conda:
        "../environment.yml"
    resources:
        **needs("rank"),
    params:
        version=ranking_versions("{pruner}"),
        settings=rank_settings,
    script:
        "../workflow_scripts/rank.py"


rule subnetworks:
    input:
        unpack(inputs_of_subnetworks),
    output:
        layers=f"{PRUNED}/layers.csv",
        curve=f"{PRUNED}/curve.csv",
    log:
        f"{LOGS}/subnetworks/{{architecture}}-{{seed}}-{{pruner}}.log",
    benchmark:
        f"{BENCHMARKS}/subnetworks/{{architecture}}-{{seed}}-{{pruner}}.tsv"
    wildcard_constraints:
        pruner="|".join([*PRUNERS, ALL_PRUNERS]),
    conda:
        "../environment.yml"
    resources:
        **needs("subnetworks"),
    params:
        **LIVE_INPUTS,
        version=versions.SUBNETWORKS,
        ranking=lambda wildcards: versions.ranking_versions(counted_by(wildcards)),
        subnetworks=lambda wildcards: [
            keys
            for keys in PLAN.subnetworks(wildcards.architecture, int(wildcards.seed))
            if keys["pruner"] in counted_by(wildcards)
        ],
    script:
        "../workflow_scripts/subnetworks.py"
