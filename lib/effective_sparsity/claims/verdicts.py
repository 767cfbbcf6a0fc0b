"""All claims, judged by the tables of a study."""

import pandas as pd

from effective_sparsity.claims.evidence import Decision, Verdict, decide, overall
from effective_sparsity.claims.registry import CLAIMS, Claim
from effective_sparsity.figures.tables import Tables, panel_rows, panels

_WHERE = ["study", "claim", "architecture", "dataset"]
_COUNTED = (Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNDECIDED)
CLAIM_COLUMNS = [*_WHERE, "statement", "verdict", *map(str, _COUNTED), "criterion", "missing", "reduced"]
MEASUREMENT_COLUMNS = [
    *_WHERE, "role", "label", "quantity", "unit", "value", "low", "high", "seeds", "side", "bound", "verdict",
    "seeds_needed", "missing", "reduced",
]  # fmt: skip


def judge(tables: Tables, study: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The verdict on each claim for each network, and all measurements behind the verdicts.

    Args:
        tables: those that `claims.TABLES` names; rows may be missing.
        study: its name.

    Returns:
        Claims: one row per claim and network, with the verdict, how many of its primary parts are confirmed,
            refuted and undecided, the criterion, what is missing, and how the setting is reduced.
            Measurements: one row for each part of each claim, with its role (primary or secondary), mean over
            seeds with its corrected interval, bound, verdict, and the number of seeds that an undecided part
            would take.
    """
    claims, measurements = [], []
    for number, claim in CLAIMS.items():
        for panel in _networks(tables, claim):
            of_network = {name: panel_rows(table, panel) for name, table in tables.items()}
            where = {"study": study, "claim": number, "architecture": panel[0], "dataset": panel[1]}
            where["reduced"] = _reduced(of_network["subnetworks"])
            parts = claim.parts(of_network)
            primary = decide([part for part in parts if part.primary])
            secondary = decide([part for part in parts if not part.primary])
            claims.append(where | _summary(claim, primary))
            measurements += [where | _row(decision) for decision in [*primary, *secondary]]
    return (
        pd.DataFrame(claims, columns=CLAIM_COLUMNS),
        pd.DataFrame(measurements, columns=MEASUREMENT_COLUMNS),
    )


def _networks(tables: Tables, claim: Claim) -> list[tuple[str, str]]:
    """Networks that the claim is about; if the study has none, one for which everything is missing."""
    found = panels(tables["subnetworks"])
    if claim.architecture:
        found = [panel for panel in found if panel[0] == claim.architecture]
    return found or [(claim.architecture, "")]


def _reduced(subnetworks: pd.DataFrame) -> str:
    texts = subnetworks.reduced.dropna().astype(str)
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _summary(claim: Claim, decisions: list[Decision]) -> dict:
    verdicts = [decision.verdict for decision in decisions]
    return {
        "statement": claim.statement,
        "verdict": str(overall(verdicts, claim.any_suffices)),
        **{str(verdict): verdicts.count(verdict) for verdict in _COUNTED},
        "criterion": claim.criterion,
        "missing": "; ".join(dict.fromkeys(d.part.lacks for d in decisions if d.part.lacks)),
    }


def _row(decision: Decision) -> dict:
    part = decision.part
    return {
        "role": "primary" if part.primary else "secondary",
        "label": part.label,
        "quantity": part.quantity,
        "unit": part.unit,
        "value": decision.value,
        "low": decision.low,
        "high": decision.high,
        "seeds": len(part.values),
        "side": part.bound.side,
        "bound": part.bound.value,
        "verdict": str(decision.verdict),
        "seeds_needed": decision.seeds_needed,
        "missing": part.lacks,
    }
