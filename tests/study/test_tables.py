"""Tables put together from the files of replicates."""

import io
import lzma

import pandas as pd
import pytest

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.study import tables
from effective_sparsity.study.config import read_config
from effective_sparsity.study.plan import Plan

EVALUATIONS = pd.read_csv(
    io.StringIO("""\
architecture,seed,dataset,reduced,pruner,criterion,target_compression,n_weights,status,steps,test_accuracy,test_loss
net,0,mnist,short,dense,,,12,ok,5,0.9,0.1
net,0,mnist,short,snip,direct,2.0,,ok,5,0.8,0.2
net,0,mnist,short,snip,direct,6.0,,ok,5,0.1,2.3
net,0,mnist,short,snip,effective,2.0,,diverged,3,,
net,0,mnist,short,snip,effective,6.0,,unreachable,0,,
""")
)
LAYERS = pd.read_csv(
    io.StringIO("""\
architecture,seed,pruner,criterion,target_compression,layer,n_weights,n_kept,n_active,log10_paths
net,0,snip,direct,2.0,a,8,4,3,0.5
net,0,snip,direct,2.0,b,4,2,1,0.5
net,0,snip,direct,6.0,a,8,2,0,-inf
net,0,snip,direct,6.0,b,4,0,0,-inf
net,0,snip,effective,2.0,a,8,5,4,0.75
net,0,snip,effective,2.0,b,4,3,2,0.75
""")
)


@pytest.fixture
def subnetworks():
    return tables.subnetworks(EVALUATIONS, LAYERS).set_index(["criterion", "target_compression"])


def test_subnetworks_are_counted_over_their_layers(subnetworks):
    row = subnetworks.loc["direct", 2]
    assert (row.n_weights, row.n_kept, row.n_active) == (12, 6, 4)
    assert (row.direct_compression, row.effective_compression) == (2, 3)
    assert row.log10_paths == 0.5
    assert (row.status, row.test_accuracy) == ("ok", 0.8)


def test_a_network_without_an_active_weight_is_infinitely_compressed_and_disconnected(subnetworks):
    row = subnetworks.loc["direct", 6]
    assert row.status == "disconnected"
    assert row.effective_compression == float("inf")
    assert row.log10_paths == -float("inf")
    assert row.test_accuracy == 0.1


def test_a_study_that_counts_over_live_inputs_has_a_column_more(tmp_path):
    layers = LAYERS.assign(n_active_live=[2, 1, 0, 0, 3, 1])
    table = tables.identified(tables.subnetworks(EVALUATIONS, layers), study="s")
    tables.write_table(table, tmp_path / "subnetworks.csv", tables.COLUMNS["subnetworks"])
    back = tables.read_table(tmp_path / "subnetworks.csv")
    assert back.columns.tolist() == tables.COLUMNS["subnetworks"]
    assert back.effective_compression_live.tolist()[:3] == [4, float("inf"), 3]
    assert back.effective_compression_live.isna().tolist()[3]


def test_divergence_and_levels_out_of_reach_are_rows_without_accuracy(subnetworks):
    assert subnetworks.loc["effective", 2].status == "diverged"
    out_of_reach = subnetworks.loc["effective", 6]
    assert out_of_reach.status == "unreachable"
    assert out_of_reach[["n_kept", "effective_compression", "test_accuracy"]].isna().all()


def test_no_subnetwork_is_lost_and_the_dense_network_has_its_own_table(subnetworks):
    assert len(subnetworks) == 4
    assert tables.dense(EVALUATIONS).test_accuracy.tolist() == [0.9]


def test_a_study_that_trains_nothing_has_counts_and_no_accuracies():
    config = {
        "study": "s",
        "train": False,
        "architectures": {"lenet-5": {"dataset": "cifar10"}},
        "pruners": ["snip"],
        "compressions": [2, 6],
        "seeds": [0],
    }
    evaluations = tables.untrained(Plan(read_config(config)), pd.DataFrame())
    table = tables.subnetworks(evaluations, LAYERS.assign(architecture="lenet-5"))
    assert table.status.tolist() == ["untrained", "disconnected", "untrained", "unreachable"]
    assert table.n_kept.tolist()[:3] == [6, 2, 8]
    assert table.test_accuracy.isna().all()
    assert set(table.dataset) == {"cifar10"}
    assert set(table.reduced) == {"no training"}


def test_tables_without_rows_do_not_change_those_with_rows(tmp_path):
    tables.write_table(LAYERS, tmp_path / "full.csv")
    tables.write_table(LAYERS[:0], tmp_path / "empty.csv")
    both = tables.read_tables([tmp_path / "empty.csv", tmp_path / "full.csv"], "s")
    assert both.dtypes.equals(tables.read_tables([tmp_path / "full.csv"], "s").dtypes)
    assert len(tables.read_tables([tmp_path / "empty.csv"], "s")) == 0


def test_tables_survive_their_files(tmp_path):
    path = tmp_path / "subnetworks.csv"
    table = tables.identified(tables.subnetworks(EVALUATIONS, LAYERS), study="s")
    tables.write_table(table, path, tables.COLUMNS["subnetworks"])
    back = pd.read_csv(path)
    written = [name for name in tables.COLUMNS["subnetworks"] if name != "effective_compression_live"]
    assert back.columns.tolist() == written
    assert back.effective_compression[1] == float("inf")
    assert ",inf," in path.read_text()
    assert ",12,6,4," in path.read_text()


def test_every_table_knows_the_data_set_and_what_is_reduced():
    table = tables.with_dataset(LAYERS, EVALUATIONS)
    assert set(table.dataset) == {"mnist"}
    assert set(table.reduced) == {"short"}


RECIPE = NETWORKS["lenet-300-100"].recipe  # 96,000 steps, batches of 100


@pytest.mark.parametrize(
    ("note", "steps", "text"),
    [
        ("", 96_000, ""),
        ("half the data", 96_000, "half the data"),
        ("", 2_000, "2,000 of 96,000 steps"),
        ("half the data", 2_000, "half the data; 2,000 of 96,000 steps"),
    ],
)
def test_a_reduced_setting_says_how(note, steps, text):
    assert tables.reduction(note, steps, RECIPE) == text


def test_training_in_another_precision_or_in_other_batches_is_labelled():
    assert tables.reduction("", 96_000, RECIPE, "float32", 100) == ""
    assert tables.reduction("", 2_000, RECIPE, "bfloat16") == "2,000 of 96,000 steps; bfloat16 training"
    assert tables.reduction("", 96_000, RECIPE, batch_size=32) == "batches of 32 instead of 100"


def test_shorter_rounds_of_a_pruner_are_labelled():
    text = "9,600 steps in each round of iterative magnitude pruning"
    assert tables.reduction("", 96_000, RECIPE, steps_per_round=9_600) == text
    assert tables.reduction("", 96_000, RECIPE, steps_per_round=96_000) == ""


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: b"", "No columns to parse"),
        (lambda text: text[:-7], "it is cut short"),
        (lambda text: text.replace(b"n_active", b"other"), "it has no column n_active"),
        (lambda text: b"\xff\x00" + text, "can't decode|no column"),
        (lambda text: b"<html>\n<a,b>\nc,d,e\n", "Expected 2 fields"),
    ],
)
def test_damaged_tables_are_noticed(damage, reason, tmp_path):
    tables.write_table(LAYERS, tmp_path / "layers.csv")
    assert tables.read_table(tmp_path / "layers.csv").equals(LAYERS)
    (tmp_path / "layers.csv").write_bytes(damage((tmp_path / "layers.csv").read_bytes()))
    with pytest.raises(DamagedFileError, match=reason):
        tables.read_table(tmp_path / "layers.csv")


def test_compressed_tables_are_checked_too(tmp_path):
    tables.write_table(LAYERS, tmp_path / "layers.csv")
    compressed = lzma.compress((tmp_path / "layers.csv").read_bytes())
    path = tmp_path / "layers.csv.xz"
    path.write_bytes(compressed)
    assert tables.read_table(path).equals(LAYERS)
    damaged = [compressed[:-20], b"plain text\n", compressed[:30] + b"????" + compressed[34:]]
    for content in [*damaged, lzma.compress(b"layer\na\n")]:
        path.write_bytes(content)
        with pytest.raises(DamagedFileError):
            tables.read_table(path)


def test_tables_of_other_names_may_have_any_columns(tmp_path):
    tables.write_table(LAYERS[["layer"]], tmp_path / "other.csv")
    assert list(tables.read_table(tmp_path / "other.csv")) == ["layer"]


def test_untrained_subnetworks_of_a_network_that_is_trained_are_as_complete_as_it_is():
    config = {
        "study": "s",
        "architectures": {"lenet-5": {"dataset": "cifar10"}},
        "pruners": ["snip"],
        "compressions": [2],
        "parts": {"a": {"seeds": [0]}, "b": {"seeds": [1], "train": False, "criteria": ["direct"]}},
    }
    trained = pd.DataFrame({"architecture": ["lenet-5"], "dataset": ["cifar10 jpeg"], "reduced": ["data"]})
    (row,) = tables.untrained(Plan(read_config(config)), trained).itertuples()
    assert (row.dataset, row.reduced, row.seed, row.status) == ("cifar10 jpeg", "data", 1, "untrained")
