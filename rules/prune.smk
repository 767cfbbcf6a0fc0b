# Rankings, and the subnetworks at all levels that follow from them.


rule rank:
    input:
        unpack(rank_inputs),
    output:
        f"{PRUNED}/ranking.safetensors",
    log:
        f"{LOGS}/rank/{{architecture}}-{{seed}}-{{pruner}}.log",
    benchmark:
        f"{BENCHMARKS}/rank/{{architecture}}-{{seed}}-{{pruner}}.tsv"
    conda:
        "../environment.yml"
    resources:
        **needs("rank"),
    params:
        version=versions.RANKING,
        settings=rank_settings,
    script:
        "../workflow_scripts/rank.py"


rule subnetworks:
    input:
        f"{PRUNED}/ranking.safetensors",
    output:
        subnetworks=f"{PRUNED}/subnetworks.safetensors",
        layers=f"{PRUNED}/layers.csv",
        curve=f"{PRUNED}/curve.csv",
    log:
        f"{LOGS}/subnetworks/{{architecture}}-{{seed}}-{{pruner}}.log",
    benchmark:
        f"{BENCHMARKS}/subnetworks/{{architecture}}-{{seed}}-{{pruner}}.tsv"
    conda:
        "../environment.yml"
    resources:
        **needs("subnetworks"),
    params:
        version=versions.SUBNETWORKS,
        levels=lambda wildcards: STUDY.levels_of(wildcards.architecture),
        criteria=STUDY.criteria,
    script:
        "../workflow_scripts/subnetworks.py"
