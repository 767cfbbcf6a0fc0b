"""All claims, judged by the tables of a study."""

import pandas as pd

from effective_sparsity.claims.evidence import Part, Verdict, together
from effective_sparsity.claims.registry import CLAIMS, Claim
from effective_sparsity.figures.tables import Tables, of_panel, panels

_WHERE = ["study", "claim", "architecture", "dataset"]
_MEASURED = ["quantity", "unit", "value", "low", "high", "seeds"]
CLAIM_COLUMNS = [*_WHERE, "statement", "verdict", *_MEASURED, "criterion", "missing", "reduced"]
MEASUREMENT_COLUMNS = [*_WHERE, *_MEASURED, "side", "bound", "verdict", "missing", "reduced"]


def judge(tables: Tables, study: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The verdict on each claim for each network, and all measurements behind the verdicts.

    Args:
        tables: those that `claims.TABLES` names; rows may be missing.
        study: its name.

    Returns:
        Claims: one row per claim and network, with the verdict, the first measurement that it follows from
        (value with its 95 % interval over seeds), the criterion, what is missing, and how the setting is
        reduced. Measurements: one row for each part of each claim, with the bound that it must keep.
    """
    claims, measurements = [], []
    for number, claim in CLAIMS.items():
        for panel in _networks(tables, claim):
            of_network = {name: of_panel(table, panel) for name, table in tables.items()}
            where = {"study": study, "claim": number, "architecture": panel[0], "dataset": panel[1]}
            where["reduced"] = _reduced(of_network["subnetworks"])
            rows = _measure(claim.parts(of_network))
            verdict = together(row["verdict"] for row in rows)
            decisive = next(row for row in rows if row["verdict"] == verdict)
            missing = "; ".join(dict.fromkeys(row["missing"] for row in rows if row["missing"]))
            said = {"statement": claim.statement, "criterion": claim.criterion, "missing": missing}
            claims.append(where | decisive | said)
            measurements += [where | row for row in rows]
    return pd.DataFrame(claims, columns=CLAIM_COLUMNS), pd.DataFrame(
        measurements, columns=MEASUREMENT_COLUMNS
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


def _measure(parts: list[Part]) -> list[dict]:
    rows = []
    for part in parts:
        value, low, high = part.interval()
        verdict: Verdict = part.verdict(len(parts))
        rows.append(
            {
                "quantity": part.quantity,
                "unit": part.unit,
                "value": value,
                "low": low,
                "high": high,
                "seeds": len(part.values),
                "side": part.bound.side,
                "bound": part.bound.confirmed,
                "verdict": str(verdict),
                "missing": part.lacks(),
            }
        )
    return rows
