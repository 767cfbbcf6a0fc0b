# Figures, from the tables alone.


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
    script:
        "../workflow_scripts/figure.py"
