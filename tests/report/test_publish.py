"""What a published folder holds; whole studies are published in tests/workflow."""

import json
import lzma
import os

import pandas as pd

from effective_sparsity.report.publish import publish
from effective_sparsity.study.tables import COLUMNS


def study(folder, rows: int):
    (folder / "tables").mkdir(parents=True)
    facts = {"study": {"study": "small"}, "commit": "0" * 40, "python": "3", "packages": {}, "machine": "m"}
    (folder / "tables/provenance.json").write_text(json.dumps(facts))
    subnetworks = pd.DataFrame(
        {
            "architecture": "lenet-300-100",
            "dataset": "mnist",
            "reduced": "no training",
            "pruner": "snip",
            "criterion": "direct",
            "seed": range(rows),
            "target_compression": 10.0,
            "effective_compression": float("inf"),
        }
    )
    subnetworks = subnetworks.reindex(columns=COLUMNS["subnetworks"])
    subnetworks.to_csv(folder / "tables/subnetworks.csv", index=False)


def test_large_tables_are_compressed_to_the_same_bytes_by_every_process(tmp_path, monkeypatch):
    study(tmp_path / "study", rows=3000)
    for process, name in enumerate(("one", "other")):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        publish(tmp_path / "study", tmp_path / name)
    one, other = (tmp_path / name / "tables/subnetworks.csv.xz" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert lzma.decompress(one.read_bytes()) == (tmp_path / "study/tables/subnetworks.csv").read_bytes()


def test_what_was_published_before_is_gone(tmp_path):
    study(tmp_path / "study", rows=1)
    (tmp_path / "target/figures").mkdir(parents=True)
    (tmp_path / "target/figures/old.svg").touch()
    publish(tmp_path / "study", tmp_path / "target")
    assert sorted(path.name for path in (tmp_path / "target").rglob("*.*")) == [
        "README.md", "provenance.json", "subnetworks.csv",
    ]  # fmt: skip
    assert "no training" in (tmp_path / "target/README.md").read_text()


def test_a_huge_table_stays_behind(tmp_path):
    study(tmp_path / "study", rows=1)
    for name, size in (("large", 50_000_000), ("huge", 50_000_001)):
        with (tmp_path / f"study/tables/{name}.csv").open("wb") as file:
            file.truncate(size)
    publish(tmp_path / "study", tmp_path / "target")
    tables = {path.name for path in (tmp_path / "target/tables").iterdir()}
    assert tables == {"large.csv.xz", "provenance.json", "subnetworks.csv"}


def test_a_figure_of_a_table_that_stays_behind_stays_behind_too(tmp_path):
    """What is published follows from the tables beside it: `effective_vs_direct` is drawn from curves too."""
    study(tmp_path / "study", rows=1)
    (tmp_path / "study/figures").mkdir()
    for name in ("effective_vs_direct", "target_hits"):
        for suffix in ("svg", "csv", "pdf"):
            (tmp_path / f"study/figures/{name}.{suffix}").write_text("x\n")
    publish(tmp_path / "study", tmp_path / "target")
    figures = {path.name for path in (tmp_path / "target/figures").iterdir()}
    assert figures == {"target_hits.svg", "target_hits.csv"}
