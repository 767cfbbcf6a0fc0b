# What of a study is small enough to be kept with the code.


rule publish:
    input:
        provenance=f"{ROOT}/tables/provenance.json",
        tables=[f"{ROOT}/tables/{name}.csv" for name in TABLES],
        figures=[f"{ROOT}/figures/{figure}.svg" for figure in FIGURES],
        claims=[f"{ROOT}/claims.md"] if STUDY.train else [],
    output:
        f"{STUDY.results}/reference/{STUDY.study}/README.md",
    log:
        f"{LOGS}/publish.log",
    conda:
        "../environment.yml"
    resources:
        **SMALL,
    params:
        code=code_of("publish.py", "report"),
    script:
        "../workflow_scripts/publish.py"
