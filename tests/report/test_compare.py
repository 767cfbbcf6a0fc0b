import json

import pandas as pd
import pytest

from effective_sparsity.claims.verdicts import CLAIM_COLUMNS
from effective_sparsity.errors import UserError
from effective_sparsity.report.compare import comparison
from effective_sparsity.study.results import Results
from effective_sparsity.study.tables import COLUMNS

WHERE = {"architecture": "lenet-300-100", "dataset": "mnist"}


def study(folder, name: str, accuracies: dict[str, list[float]], verdicts: dict[int, str]) -> Results:
    """A study with a few seeds of some pruners at one level."""
    rows = [
        WHERE | {"pruner": pruner, "criterion": "effective", "seed": seed, "target_compression": 100.0}
        | {"test_accuracy": accuracy}
        for pruner, of_pruner in accuracies.items()
        for seed, accuracy in enumerate(of_pruner)
    ]  # fmt: skip
    claims = [WHERE | {"claim": claim, "verdict": verdict} for claim, verdict in verdicts.items()]
    claims = pd.DataFrame(claims).reindex(columns=CLAIM_COLUMNS)
    claims = claims.assign(statement="s", confirmed=0, refuted=0, undecided=0)
    tables = folder / name / "tables"
    tables.mkdir(parents=True)
    pd.DataFrame(rows).reindex(columns=COLUMNS["subnetworks"]).to_csv(tables / "subnetworks.csv", index=False)
    claims.to_csv(tables / "claims.csv", index=False)
    (tables / "provenance.json").write_text(json.dumps({"study": {"study": name}}))
    return Results(folder / name)


def test_verdicts_and_accuracies_stand_side_by_side(tmp_path):
    mine = study(tmp_path, "mine", {"snip": [0.5, 0.6], "lamp": [0.9]}, {1: "confirmed", 2: "refuted"})
    other = study(tmp_path, "other", {"snip": [0.75, 0.85, float("nan")]}, {2: "undecided"})
    lines = comparison(mine, other).splitlines()
    assert "| 2 | s | LeNet-300-100 on MNIST | refuted | undecided |" in lines
    assert not [line for line in lines if line.startswith("| 1 ")]
    assert lines[-1] == "| LeNet-300-100 on MNIST | SNIP | effective | 100 | 55.00 (2) | 80.00 (2) | -25.00 |"
    assert not [line for line in lines if "LAMP" in line]


def test_studies_without_common_networks_are_refused(tmp_path):
    mine, other = (study(tmp_path, name, {name: [0.5]}, {1: "confirmed"}) for name in ("snip", "lamp"))
    with pytest.raises(UserError, match="no trained subnetworks in common"):
        comparison(mine, other)
