import pandas as pd
import pytest

from effective_sparsity.figures.pruner_order import pruner_order


def study(accuracies: dict, seeds=(0, 1)) -> dict[str, pd.DataFrame]:
    """Subnetworks at one level; accuracies: pruner -> (direct, effective)."""
    rows = [
        ("lenet-5", "cifar10", "", pruner, criterion, seed, 100.0, value)
        for pruner, values in accuracies.items()
        for criterion, value in zip(("direct", "effective"), values, strict=True)
        for seed in seeds
    ]
    columns = [
        "architecture",
        "dataset",
        "reduced",
        "pruner",
        "criterion",
        "seed",
        "target_compression",
        "test_accuracy",
    ]
    return {"subnetworks": pd.DataFrame(rows, columns=columns)}


def ranks(data: pd.DataFrame, criterion: str) -> dict:
    return data.query("kind == 'rank' and criterion == @criterion").set_index("pruner").value.to_dict()


def tau(data: pd.DataFrame, kind: str):
    (row,) = data[data.kind == f"tau {kind}"].itertuples()
    return row


def test_the_best_pruner_is_first_and_ties_share_a_rank():
    _, data = pruner_order(study({"snip": (0.9, 0.5), "lamp": (0.1, 0.7), "synflow": (0.1, 0.6)}))
    assert ranks(data, "direct") == {"snip": 1, "lamp": 2.5, "synflow": 2.5}
    assert ranks(data, "effective") == {"lamp": 1, "synflow": 2, "snip": 3}


@pytest.mark.parametrize(
    ("effective", "expected"), [((0.9, 0.8, 0.7), 1.0), ((0.7, 0.8, 0.9), -1.0), ((0.9, 0.7, 0.8), 1 / 3)]
)
def test_tau_counts_pairs_in_the_same_order(effective, expected):
    names = ("snip", "lamp", "synflow")
    pairs = dict(zip(names, zip((0.9, 0.8, 0.7), effective, strict=True), strict=True))
    _, data = pruner_order(study(pairs))
    assert tau(data, "between frames").value == pytest.approx(expected)
    assert tau(data, "between frames").count == 2
    assert tau(data, "between seeds").value == pytest.approx(1.0)


def test_a_pruner_in_one_frame_only_is_left_out():
    tables = study({"snip": (0.9, 0.5), "lamp": (0.1, 0.7), "synflow": (0.2, None)})
    _, data = pruner_order(tables)
    assert set(ranks(data, "direct")) == {"snip", "lamp"}


def test_lines_join_the_two_ranks(drawn):
    figure, _ = pruner_order(study({"snip": (0.9, 0.5), "lamp": (0.1, 0.7)}))
    assert drawn(figure, "snip") == ([0, 1], [1.0, 2.0])
    assert drawn(figure, "tau between frames") == ([100.0], [-1.0])


def test_one_seed_has_no_agreement_between_seeds():
    _, data = pruner_order(study({"snip": (0.9, 0.5), "lamp": (0.1, 0.7)}, seeds=(0,)))
    assert data[data.kind == "tau between seeds"].empty
    assert tau(data, "between frames").count == 1
