# Figures, from the tables alone.


rule toy_network:
    output:
        f"{ROOT}/tables/toy_network.csv",
    log:
        f"{LOGS}/toy_network.log",
    benchmark:
        f"{BENCHMARKS}/toy_network.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        version=versions.SUBNETWORKS,
        compression=6,
        seed=0,
    script:
        "../workflow_scripts/toy_network.py"


rule figure:
    input:
        lambda wildcards: [f"{ROOT}/tables/{name}.csv" for name in FIGURES[wildcards.figure].tables],
    output:
        expand(
            f"{ROOT}/figures/{{figure}}.{{kind}}",
            kind=["pdf", "svg", "png", "csv"],
            allow_missing=True,
        ),
    log:
        f"{LOGS}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{figure}}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_of("figure.py", "figures"),
    script:
        "../workflow_scripts/figure.py"
