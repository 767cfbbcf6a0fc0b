# What all rules share: the checked study and the paths of its files.
#
# This file lies in lib/ because Snakemake makes the folder of each included file importable, for the rules and
# for the scripts: `import effective_sparsity` works in any environment, installed or not.
import sys
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path

from effective_sparsity.claims import TABLES as CLAIM_TABLES
from effective_sparsity.errors import UserError
from effective_sparsity.figures.registry import FIGURES, Kind
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study import code, versions
from effective_sparsity.study.config import read_config
from effective_sparsity.study.include import check_files, with_included
from effective_sparsity.study.plan import ALL_PRUNERS, DENSE_FILE, REPLICATE_FOLDER, TRAINED_FILE, Plan
from effective_sparsity.study.progress import progress
from effective_sparsity.training.execution import Execution

try:
    check_files(workflow.configfiles)
    # In place: jobs read it too.
    config.update(with_included(config, workflow.basedir))
    config.pop("include", None)
    STUDY = read_config(config)
    PLAN = Plan(STUDY)
    PLAN.check_folders()
    # With their types: the command line gives texts.
    config.update(STUDY.model_dump(include={option.name for option in fields(Execution)}))
except UserError as error:
    sys.exit(f"Error: {error}")

ROOT = PLAN.root
CONNECTIVITY = f"{ROOT}/{{architecture}}/connectivity.safetensors"
REPLICATE = f"{ROOT}/{REPLICATE_FOLDER}"
PRUNED = f"{REPLICATE}/{{pruner}}"
INITIAL = f"{REPLICATE}/initial.safetensors"
DENSE = f"{ROOT}/{DENSE_FILE}"
RANKING = f"{PRUNED}/ranking.safetensors"
TRAINED = f"{ROOT}/{TRAINED_FILE}"
DATASET = f"{STUDY.data}/{{dataset}}.safetensors"
LOGS = f"{ROOT}/logs"
BENCHMARKS = f"{ROOT}/benchmarks"
# Resources of jobs that train nothing: MB and minutes.
SMALL = {"mem_mb": 2000, "runtime": 10}
TABLES = ["subnetworks", "dense", "layers", "history", "curves"]
if not STUDY.train:
    TABLES = ["subnetworks", "layers", "curves"]
FIGURES = {
    name: figure for name, figure in FIGURES.items() if figure.suits([Kind(*kind) for kind in PLAN.kinds()])
}
# Absent where the study counts over all inputs, so that its results stay as they were before there was the setting.
LIVE_INPUTS = STUDY.model_dump(include={"live_input_deviation"}, exclude_none=True)
FIGURE_TABLES = sorted({table for figure in FIGURES.values() for table in figure.tables})


wildcard_constraints:
    architecture="|".join(STUDY.architectures),
    seed=r"\d+",
    pruner="|".join(PRUNERS),
    criterion="direct|effective",
    level=r"[0-9.e+]+",
    dataset=r"[A-Za-z0-9_.-]+",


def dataset_of(wildcards):
    check_device()  # here, since only jobs with a data set use a GPU
    return dataset_file(wildcards)


def dataset_file(wildcards):
    """The data set of a network."""
    name = STUDY.architectures[wildcards.architecture].dataset
    path = DATASET.format(dataset=name)
    # With checksums it is what they say, whenever it was made: its age makes nothing out of date.
    return path if PLAN.is_image_folder(name) else ancient(path)


def sources_of_scores(pruner):
    """The files that a pruner's scores follow from, data set aside, by kind; of rankings by their pruner."""
    files = {"initial": INITIAL}
    if PRUNERS[pruner].needs_trained:
        files["dense"] = DENSE
    if PRUNERS[pruner].needs_connectivity:
        files["connectivity"] = CONNECTIVITY
    if lender := PRUNERS[pruner].borrows:
        files[lender] = RANKING.replace("{pruner}", lender)
    return files


def formatted(files, wildcards):
    """Paths by kind, with their wildcards filled in.

    Of the connectivity only the content counts: a newer version of its file is of the same network.
    """
    files = {kind: path.format(**wildcards) for kind, path in files.items()}
    return {kind: ancient(path) if kind == "connectivity" else path for kind, path in files.items()}


def inputs_of_rank(wildcards):
    """The files that a ranking is made from."""
    files = formatted(sources_of_scores(wildcards.pruner), wildcards)
    return files | ({"dataset": dataset_of(wildcards)} if PRUNERS[wildcards.pruner].needs_data else {})


def counted_by(wildcards):
    """The pruners whose subnetworks a job counts."""
    return PLAN.counted(wildcards.architecture, int(wildcards.seed), wildcards.pruner)


def inputs_of_subnetworks(wildcards):
    """The files that counts of subnetworks follow from; the data set only if it says which inputs are live."""
    files = sources_of_subnetworks(*counted_by(wildcards))(wildcards)
    return files | ({"dataset": dataset_file(wildcards)} if LIVE_INPUTS else {})


def sources_of_subnetworks(*pruners):
    """The files that the subnetworks of pruners follow from: stored rankings, or what others are made from."""

    def sources(wildcards):
        files = {"initial": INITIAL, "connectivity": CONNECTIVITY}
        for name in expand(pruners, **wildcards):
            stored = {name: RANKING.replace("{pruner}", name)}
            files |= stored if PRUNERS[name].costly else sources_of_scores(name)
        return formatted(files, wildcards)

    return sources


def rank_settings(wildcards):
    """The settings that change this ranking; those that do not must not cause it to be made again."""
    pruner = PRUNERS[wildcards.pruner]
    settings = {}
    if pruner.needs_loss:
        settings["snip_loss"] = STUDY.snip_loss
    if pruner.iterative:
        settings["levels"] = PLAN.levels(wildcards.architecture, int(wildcards.seed), wildcards.pruner)
    if pruner.trainings:
        settings |= {
            "recipe": asdict(PLAN.round_recipe(wildcards.architecture)),
            "engine": PLAN.engine(wildcards.architecture).name,
            "precision": PLAN.precision(wildcards.architecture),
            "work": f"{ROOT}/.work/{wildcards.architecture}/seed-{wildcards.seed}/{wildcards.pruner}",
        }
    return settings


def ranking_versions(*pruners):
    """What stands for the code of these pruners; results are made again when it changes."""
    return lambda wildcards: versions.ranking_versions(expand(pruners, **wildcards))


def code_of(script, *packages):
    """What stands for the code of a step that follows from tables alone; every edit of it makes the step again."""
    return code.module_digest([Path(workflow.basedir, "workflow_scripts", script)], packages)


def recipe_of(wildcards):
    return asdict(PLAN.recipe(wildcards.architecture))


def trained_of(wildcards):
    """All retrained subnetworks of a replicate, in the order of `PLAN.subnetworks`."""
    return [TRAINED.format(**wildcards, **keys) for keys in subnetworks_of(wildcards)]


def subnetworks_of(wildcards):
    return PLAN.subnetworks(wildcards.architecture, int(wildcards.seed), trained=True)


def dense_of(wildcards):
    """The dense network of a replicate, if it has one."""
    dense = PLAN.trains_dense(wildcards.architecture, int(wildcards.seed))
    return [DENSE.format(**wildcards)] if dense else []


def needs(stage, **known):
    """The resources of a rule: memory (MB), run time (minutes) and GPUs, by wildcards and attempt."""

    @cache
    def estimated(architecture, pruner):
        return PLAN.needs(stage, architecture, pruner, **known)

    def of(wildcards):
        return estimated(wildcards.architecture, wildcards.get("pruner", ""))

    return {
        "mem_mb": lambda wildcards, attempt: of(wildcards).mem_mb(attempt),
        "runtime": lambda wildcards, attempt: of(wildcards).runtime(attempt),
        "gpu": lambda wildcards: of(wildcards).gpus,
    }


def check_device():
    """End Snakemake if jobs run elsewhere and were planned for the GPUs of this machine."""
    # A dry run hides the executor, but then only jobs that would run elsewhere are started by threads.
    dry_run_of_elsewhere = workflow.dryrun and workflow.execution_settings.use_threads
    try:
        PLAN.check_device(elsewhere=workflow.non_local_exec or dry_run_of_elsewhere)
    except UserError as error:
        sys.exit(f"Error: {error}")
