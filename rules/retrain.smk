# Retraining. One job trains several levels of a pruner, or of all pruners, under both criteria. Each share of the
# subnetworks is a rule, since every architecture and part of the study has its own. Shares do not change names of files.

for architecture in STUDY.architectures:
    for number, share in enumerate(PLAN.shares(architecture), start=1):

        rule:
            name:
                f"retrain_{architecture}_{number}"
            input:
                unpack(sources_of_subnetworks(*share.pruners)),
                dataset=dataset_of,
            output:
                expand(
                    TRAINED,
                    pruner=share.pruners,
                    criterion=share.part.criteria,
                    level=share.levels,
                    allow_missing=True,
                ),
            log:
                f"{LOGS}/retrain/{{architecture}}-{{seed}}-{share.name}.log",
            benchmark:
                f"{BENCHMARKS}/retrain/{{architecture}}-{{seed}}-{share.name}.tsv"
            wildcard_constraints:
                architecture=architecture,
                seed="|".join(map(str, share.part.seeds)),
                pruner="|".join(share.part.pruners),
            conda:
                "../environment.yml"
            resources:
                **needs("retrain", share=share),
            params:
                version=versions.TRAINING,
                ranking=ranking_versions(*share.pruners),
                recipe=recipe_of,
                engine=PLAN.engine(architecture).name,
                precision=PLAN.precision(architecture),
                subnetworks=expand(
                    "{pruner}/{criterion}/{level}",
                    pruner=share.pruners,
                    criterion=share.part.criteria,
                    level=share.levels,
                ),
                work=f"{ROOT}/.work/{{architecture}}/seed-{{seed}}/{share.name}",
            script:
                "../workflow_scripts/train.py"
