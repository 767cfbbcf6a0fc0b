"""Claim 5: effective pruning hits its target, at low cost."""

from dataclasses import replace

import pandas as pd

from effective_sparsity.claims.evidence import Bound, Part, Verdict, decide
from effective_sparsity.claims.selection import SECONDARY, direct
from effective_sparsity.figures.tables import HIT, Tables, on_target

HITS, COST = 0.95, 0.05
_STAGES = ["subnetworks", "retrain"]


def effective_pruning_hits_cheaply(tables: Tables) -> list[Part]:
    """Claim 5, from `subnetworks` and `costs`."""
    rows = _effective(tables["subnetworks"])
    thick = rows.target_compression <= SECONDARY[1]
    return [
        _hits(rows[thick], "up to 1,000"),
        _cost(tables),
        _hits(rows[~thick], "beyond 1,000", primary=False),
    ]


def _effective(subnetworks: pd.DataFrame) -> pd.DataFrame:
    """A target out of reach is missed, unless it is out of reach for direct pruning, too."""
    level = ["pruner", "seed", "target_compression"]
    rows = subnetworks[subnetworks.criterion == "effective"]
    reached = pd.MultiIndex.from_frame(direct(subnetworks)[level])
    return rows[rows.n_kept.notna() | pd.MultiIndex.from_frame(rows[level]).isin(reached)]


def _hits(rows: pd.DataFrame, levels: str, primary: bool = True) -> Part:
    return Part(
        f"hits targets {levels}",
        f"share of effectively pruned subnetworks {levels} within {HIT:.0%} of their target",
        "share",
        Bound("at least", HITS),
        tuple(on_target(rows).astype(float).groupby(rows.seed).mean()),
        "" if len(rows) else f"effectively pruned subnetworks {levels}",
        primary,
    )


def _cost(tables: Tables) -> Part:
    costs = tables["costs"]
    costs = costs[costs.stage.isin(_STAGES)].dropna(subset=["cpu_seconds"])
    seconds = costs.pivot_table(index="seed", columns="stage", values="cpu_seconds", aggfunc="sum")
    seconds = seconds.reindex(columns=_STAGES).dropna()
    part = Part(
        "costs little",
        "CPU seconds of pruning / CPU seconds of retraining the same subnetworks",
        "share",
        Bound("at most", COST),
        tuple(seconds["subnetworks"] / seconds["retrain"]),
        "" if len(seconds) else "run times of pruning and retraining (costs)",
    )
    shortened = any("steps" in str(text) for text in tables["subnetworks"].reduced.unique())
    if shortened and not part.missing and decide([part])[0].verdict != Verdict.CONFIRMED:
        # Shortened training makes the share larger: it may confirm the claim, but not speak against it.
        return replace(part, missing="training of full length")
    return part
