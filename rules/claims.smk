# What the study cost, and what it says of the paper's claims: from the tables alone.


rule costs:
    input:
        f"{ROOT}/tables/subnetworks.csv",
    output:
        f"{ROOT}/tables/costs.csv",
    log:
        f"{LOGS}/costs.log",
    benchmark:
        f"{BENCHMARKS}/costs.tsv"
    conda:
        "../environment.yml"
    resources:
        **SMALL,
    params:
        # Not inputs: nothing is run again because its run time is not known any more.
        benchmarks=BENCHMARKS,
        jobs={
            f"{architecture}-{seed}": {
                "subnetworks": PLAN.counting_jobs(architecture, seed),
                "retrain": PLAN.retraining_jobs(architecture, seed),
            }
            for architecture, seed in PLAN.replicates
        },
        code=code_of("costs.py"),
    script:
        "../workflow_scripts/costs.py"


rule claims:
    input:
        expand(f"{ROOT}/tables/{{table}}.csv", table=CLAIM_TABLES),
    output:
        claims=f"{ROOT}/tables/claims.csv",
        measurements=f"{ROOT}/tables/measurements.csv",
        page=f"{ROOT}/claims.md",
    log:
        f"{LOGS}/claims.log",
    benchmark:
        f"{BENCHMARKS}/claims.tsv"
    conda:
        "../environment.yml"
    resources:
        **SMALL,
    params:
        study=STUDY.study,
        code=code_of("claims.py"),
    script:
        "../workflow_scripts/claims.py"
