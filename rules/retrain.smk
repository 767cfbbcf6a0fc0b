# Retraining. One job trains several levels of a pruner, under both criteria; how many is a setting for each
# architecture, so each share of the levels is a rule. Files are named by level, whatever the shares.

for architecture in STUDY.architectures:
    for share, levels in enumerate(PLAN.shares(architecture), start=1):

        rule:
            name:
                f"retrain_{architecture}_{share}"
            input:
                unpack(ranking_of),
                dataset=dataset_of,
            output:
                expand(TRAINED, criterion=STUDY.criteria, level=levels, allow_missing=True),
            log:
                f"{LOGS}/retrain/{{architecture}}-{{seed}}-{{pruner}}-{share}.log",
            benchmark:
                f"{BENCHMARKS}/retrain/{{architecture}}-{{seed}}-{{pruner}}-{share}.tsv"
            wildcard_constraints:
                architecture=architecture,
            conda:
                "../environment.yml"
            resources:
                **needs("retrain", levels=levels),
            params:
                version=versions.TRAINING,
                ranking=versions.RANKING,
                recipe=recipe_of,
                engine=PLAN.engine(architecture),
                precision=PLAN.precision(architecture),
                subnetworks=expand("{criterion}/{level}", criterion=STUDY.criteria, level=levels),
                work=f"{ROOT}/.work/{{architecture}}/seed-{{seed}}/{{pruner}}-{share}",
            script:
                "../workflow_scripts/retrain.py"
