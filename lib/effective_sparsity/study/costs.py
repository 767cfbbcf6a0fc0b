"""What a study cost: a table of the run times that Snakemake measured."""

from pathlib import Path

import pandas as pd

COLUMNS = [
    "study", "architecture", "dataset", "reduced", "stage", "pruner", "seed", "jobs", "seconds",
    "cpu_seconds", "max_rss_mb",
]  # fmt: skip


def costs(
    subnetworks: pd.DataFrame, folder: Path | str, jobs: dict[str, dict[str, dict[str, list[str]]]]
) -> pd.DataFrame:
    """Run times of the replicates in `subnetworks`, from the benchmark files in `folder`.

    Args:
        subnetworks: the study's table of that name.
        folder: benchmark files, `<rule>/<architecture>-<seed>[-<pruner or share>].tsv`. One that is missing
            or damaged leaves no row: nothing is run again to learn what it cost.
        jobs: by replicate (`<architecture>-<seed>`), stage ("subnetworks" or "retrain") and pruner, the
            names of jobs; the pruner is empty for jobs that several share (see `Plan.retraining_jobs`).

    Returns:
        One row per stage (train_dense, rank, subnetworks, retrain, evaluate), replicate and pruner (empty
        where a job serves all pruners; only pruners whose rankings are stored have the stage rank): jobs,
        wall-clock seconds and CPU seconds of all jobs together, and the largest resident memory of a job in
        MB. A job that was resumed counts from there.
    """
    rows = []
    keys = ["study", "architecture", "dataset", "reduced", "seed"]
    for replicate, of_replicate in subnetworks.groupby(keys, sort=False, dropna=False):
        where = dict(zip(keys, replicate, strict=True))
        name = f"{where['architecture']}-{where['seed']}"
        pruners = list(of_replicate.pruner.unique())
        stages = {"rank": {pruner: [pruner] for pruner in pruners}, **jobs.get(name, {})}
        rows += _row(where, folder, "train_dense", [name])
        for pruner in [*pruners, ""]:
            of_pruner = where | ({"pruner": pruner} if pruner else {})
            for stage, names in stages.items():
                rows += _row(of_pruner, folder, stage, [f"{name}-{job}" for job in names.get(pruner, [])])
        rows += _row(where, folder, "evaluate", [name])
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(where: dict, folder: Path | str, stage: str, names: list[str]) -> list[dict]:
    paths = [Path(folder, stage, f"{name}.tsv") for name in names]
    try:
        measured = pd.concat([pd.read_csv(path, sep="\t") for path in paths])
        # Snakemake writes "-" for what it could not measure.
        measured = measured[["s", "cpu_time", "max_rss"]].apply(pd.to_numeric, errors="coerce")
    except (OSError, ValueError, KeyError):  # missing or damaged, or no paths at all
        return []
    if len(measured) < len(paths):
        return []
    sums = measured.sum(min_count=len(paths))
    return [
        where
        | {
            "stage": stage,
            "jobs": len(paths),
            "seconds": sums.s,
            "cpu_seconds": sums.cpu_time,
            "max_rss_mb": measured.max_rss.max(),
        }
    ]
