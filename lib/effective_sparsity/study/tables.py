"""The tables of a study: tidy, assembled from the files of its replicates."""

import io
import lzma
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.pruning.ranking import as_compression
from effective_sparsity.storage import replacing

if TYPE_CHECKING:
    from effective_sparsity.networks.recipe import Recipe
    from effective_sparsity.study.plan import Plan

_RUN = ["study", "architecture", "dataset", "reduced"]
_LEVEL = ["architecture", "seed", "pruner", "criterion", "target_compression"]
_COUNTS = ["n_weights", "n_kept", "n_active"]

COLUMNS = {
    "subnetworks": [
        *_RUN, "pruner", "criterion", "seed", "target_compression", *_COUNTS, "direct_compression",
        "effective_compression", "effective_compression_live", "log10_paths", "status", "steps",
        "test_accuracy", "test_loss",
    ],
    "dense": [*_RUN, "seed", "n_weights", "steps", "status", "test_accuracy", "test_loss"],
    "layers": [
        *_RUN, "pruner", "criterion", "seed", "target_compression", "layer", *_COUNTS, "inactive_share",
        "live_inputs", "live_outputs", "n_active_live",
    ],
    "history": [
        *_RUN, "pruner", "criterion", "seed", "target_compression", "step", "train_loss", "test_loss",
        "test_accuracy",
    ],
    "curves": [
        *_RUN, "pruner", "seed", "target_compression", "n_kept", "n_active", "direct_compression",
        "effective_compression", "effective_compression_live",
    ],
}  # fmt: skip

# Tables of the study by the names of a replicate's files, which lack these columns.
_OF_A_REPLICATE = {"evaluation": "dense", "curve": "curves"}
_OF_THE_STUDY = ("study", "dataset", "reduced")
# Tables that were published before these columns existed are read without them.
_ADDED_LATER = ("live_inputs", "live_outputs", "inactive_share", "log10_paths")
# Only in tables of studies that count over live inputs (`live_input_deviation`).
_OVER_LIVE_INPUTS = ("n_active_live", "effective_compression_live")


def identified(table: pd.DataFrame, **keys) -> pd.DataFrame:
    """`table` with constant columns in front that say what it is about."""
    return pd.concat([pd.DataFrame(keys, index=table.index), table], axis=1)


def read_table(path: Path | str) -> pd.DataFrame:
    """Read what `write_table` wrote, or what was published of it, which may be compressed.

    Raises:
        DamagedFileError: the file is empty, cut short, not CSV, or lacks a column of tables of its name.
        OSError: it cannot be read.
    """
    path = Path(path)
    content = path.read_bytes()
    try:
        content = lzma.decompress(content) if path.suffix == ".xz" else content
        table = pd.read_csv(io.BytesIO(content))
    except (EOFError, ValueError, lzma.LZMAError) as error:
        raise DamagedFileError(path, error) from error
    if not content.endswith(b"\n"):
        raise DamagedFileError(path, "it is cut short")
    name = path.name.partition(".")[0]
    for column in COLUMNS.get(_OF_A_REPLICATE.get(name, name), []):
        if column not in table and column not in (*_OF_THE_STUDY, *_ADDED_LATER, *_OVER_LIVE_INPUTS):
            raise DamagedFileError(path, f"it has no column {column}")
    return table


def read_tables(paths: list[str], study: str) -> pd.DataFrame:
    """All files below each other, with the study's name."""
    tables = [read_table(path) for path in paths]
    # The columns of an empty table have no types, so it counts only if all are empty.
    filled = [table for table in tables if len(table)] or tables[:1]
    return identified(pd.concat(filled, ignore_index=True), study=study)


def write_table(table: pd.DataFrame, path: Path | str, columns: list[str] | None = None) -> None:
    """Write CSV, atomically; infinite values as `inf`, missing ones empty.

    Of the columns those over live inputs may be absent.
    """
    if columns:
        columns = [name for name in columns if name in table or name not in _OVER_LIVE_INPUTS]
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, columns=columns, lineterminator="\n")


def untrained(plan: "Plan", evaluations: pd.DataFrame) -> pd.DataFrame:
    """Rows like those of evaluations for the subnetworks that are not trained.

    Args:
        evaluations: of those that are trained. An architecture without any is marked as reduced.
    """
    rows: list[dict] = []
    for architecture, settings in plan.study.architectures.items():
        about = {"architecture": architecture, "dataset": settings.dataset, "reduced": "no training"}
        if len(evaluations) and len(trained := evaluations[evaluations.architecture == architecture]):
            about |= trained.iloc[0][["dataset", "reduced"]].to_dict()
        rows += [
            about
            | {"seed": seed, "n_weights": None, "status": "untrained", "steps": 0}
            | {key: keys[key] for key in ("pruner", "criterion", "target_compression")}
            | {"test_accuracy": None, "test_loss": None}
            for seed in plan.seeds(architecture)
            for keys in plan.subnetworks(architecture, seed, trained=False)
        ]
    return pd.DataFrame(rows)


def subnetworks(evaluations: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """One row per subnetwork: its counts from `layers`, what training gave from `evaluations`.

    `layers` has the number of paths of a subnetwork in the rows of all its layers.

    The status is that of the training, but "disconnected" if no weight is active. Untrained subnetworks that
    have no counts are "unreachable".
    """
    counted = [column for column in (*_COUNTS, "n_active_live") if column in layers]
    whole = dict.fromkeys(counted, "sum") | {"log10_paths": "first"}
    counts = layers.groupby(_LEVEL, as_index=False).agg(whole)
    counts["direct_compression"] = list(map(as_compression, counts.n_weights, counts.n_kept))
    counts["effective_compression"] = list(map(as_compression, counts.n_weights, counts.n_active))
    if "n_active_live" in counts:
        live = map(as_compression, counts.n_weights, counts.n_active_live)
        counts["effective_compression_live"] = list(live)
    pruned = evaluations[evaluations.pruner != "dense"].drop(columns="n_weights")
    # Levels out of reach have no layers: their counts stay empty.
    joined = pruned.merge(counts, how="left", on=_LEVEL, validate="one_to_one")
    joined.loc[joined.status.isin(["ok", "untrained"]) & (joined.n_active == 0), "status"] = "disconnected"
    joined.loc[(joined.status == "untrained") & joined.n_kept.isna(), "status"] = "unreachable"
    return joined.astype(dict.fromkeys(_COUNTS, "Int64"))


def dense(evaluations: pd.DataFrame) -> pd.DataFrame:
    """One row per dense network."""
    return evaluations[evaluations.pruner == "dense"].astype({"n_weights": "Int64"})


def with_dataset(table: pd.DataFrame, evaluations: pd.DataFrame) -> pd.DataFrame:
    """`table` with the data set of each architecture, and how its setting is reduced."""
    facts = evaluations[["architecture", "dataset", "reduced"]].drop_duplicates()
    return table.merge(facts, on="architecture", validate="many_to_one")


def reduction(
    note: str,
    steps: int,
    recipe: "Recipe",
    precision: str = "float32",
    batch_size: int | None = None,
    steps_per_round: int | None = None,
) -> str:
    """How a setting departs from the paper's; nothing if it does not.

    Args:
        note: what the data set lacks.
        steps, precision, batch_size: of the training; a batch size only if the study sets it.
        steps_per_round: of the trainings inside a pruner, if there is one and the study sets them.
        recipe: the paper's.
    """
    shortened = f"{steps:,} of {recipe.steps:,} steps" if steps != recipe.steps else ""
    rounded = f"{precision} training" if precision != "float32" else ""
    batches = ""
    if batch_size and batch_size != recipe.batch_size:
        batches = f"batches of {batch_size} instead of {recipe.batch_size}"
    rounds = ""
    if steps_per_round and steps_per_round != steps:
        rounds = f"{steps_per_round:,} steps in each round of iterative magnitude pruning"
    return "; ".join(filter(None, [note, shortened, rounded, batches, rounds]))
