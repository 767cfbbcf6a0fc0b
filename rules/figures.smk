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
        **SMALL,
    params:
        version=versions.SUBNETWORKS,
        compression=6,
        seed=0,
    script:
        "../workflow_scripts/toy_network.py"


rule draw:
    # One job: each would take longer to start than to draw. One figure alone: `python -m effective_sparsity.figures`.
    input:
        [f"{ROOT}/tables/{name}.csv" for name in FIGURE_TABLES],
    output:
        expand(f"{ROOT}/figures/{{figure}}.{{kind}}", figure=FIGURES, kind=["pdf", "svg", "png", "csv"]),
    log:
        f"{LOGS}/draw.log",
    benchmark:
        f"{BENCHMARKS}/draw.tsv"
    conda:
        "../environment.yml"
    threads: 2
    resources:
        **SMALL,
    params:
        figures=list(FIGURES),
        code=code_of("figures.py", "figures"),
    script:
        "../workflow_scripts/figures.py"
