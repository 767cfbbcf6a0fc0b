"""Claim 5: effective pruning hits its target, at low cost."""

import pandas as pd

from effective_sparsity.claims.evidence import Bound, Part, Verdict
from effective_sparsity.claims.selection import HIT, direct, on_target
from effective_sparsity.figures.tables import Tables

# Random pruning has no scores to compute, so its pruning job (with the start of its process) bounds from
# above what effective pruning costs.
_CHEAPEST = "random-uniform"
_STAGES = ("subnetworks", "retrain")


def effective_pruning_hits_cheaply(tables: Tables) -> list[Part]:
    """Claim 5, from `subnetworks` and `costs`."""
    return [_hits(tables["subnetworks"]), _cost(tables)]


def _hits(subnetworks: pd.DataFrame) -> Part:
    """A target out of reach is missed, unless it is out of reach for direct pruning, too."""
    level = ["pruner", "seed", "target_compression"]
    rows = subnetworks[subnetworks.criterion == "effective"]
    reached = pd.MultiIndex.from_frame(direct(subnetworks)[level])
    rows = rows[rows.n_kept.notna() | pd.MultiIndex.from_frame(rows[level]).isin(reached)]
    hit = on_target(rows).astype(float)
    return Part(
        f"share of effectively pruned subnetworks within {HIT:.0%} of their target",
        "share",
        Bound("at least", 0.95, refuted=0.5),
        tuple(hit.groupby(rows.seed).mean()),
        "" if len(rows) else "effectively pruned subnetworks",
    )


def _cost(tables: Tables) -> Part:
    costs = tables["costs"]
    costs = costs[(costs.pruner == _CHEAPEST) & costs.stage.isin(_STAGES)].dropna(subset=["seconds"])
    seconds = costs.pivot_table(index="seed", columns="stage", values="seconds", aggfunc="sum")
    seconds = seconds.reindex(columns=list(_STAGES)).dropna()
    share = seconds["subnetworks"] / seconds["retrain"]
    part = Part(
        f"seconds for pruning / seconds for retraining the same subnetworks, {_CHEAPEST}",
        "share",
        Bound("at most", 0.05, refuted=0.5),
        tuple(share[share.notna()]),
        "" if len(share) else f"run times of {_CHEAPEST} (costs)",
    )
    shortened = any("steps" in str(text) for text in tables["subnetworks"].reduced.unique())
    if shortened and part.verdict() in (Verdict.REFUTED, Verdict.NOT_CONFIRMED):
        # Shortened training makes the share larger: it may confirm the claim, but not speak against it.
        return Part(part.quantity, part.unit, part.bound, part.values, "training of full length")
    return part
