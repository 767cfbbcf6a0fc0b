# The report: one HTML file that can be mailed.


rule report:
    input:
        tables=expand(
            f"{ROOT}/tables/{{table}}.csv",
            table=["subnetworks", "dense", "costs", "claims", "measurements"],
        ),
        provenance=f"{ROOT}/tables/provenance.json",
        figures=[f"{ROOT}/figures/{figure}.svg" for figure in FIGURES],
    output:
        f"{ROOT}/report.html",
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        "../environment.yml"
    resources:
        **SMALL,
    params:
        study=STUDY.study,
        code=code_of("report.py", "report"),
    script:
        "../workflow_scripts/report.py"
