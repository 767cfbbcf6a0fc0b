import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn.utils import prune

import effective_sparsity as es
from effective_sparsity.errors import UserError


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))


def test_report_counts_each_layer_and_the_total():
    first = torch.ones(2, 1, 3, 3, dtype=torch.bool)
    first[1] = False
    last = torch.ones(2, 8, dtype=torch.bool)
    last[1] = False
    table = es.sparsity_report(network(), (1, 4, 4), {"0.weight": first, "4.weight": last}).set_index("layer")
    assert list(table.index) == ["0.weight", "4.weight", "total"]
    assert table["shape"].tolist() == [(2, 1, 3, 3), (2, 8), ()]
    assert table["n_weights"].tolist() == [18, 16, 34]
    assert table["n_kept"].tolist() == [9, 8, 17]
    assert table["n_active"].tolist() == [9, 4, 13]
    assert table["direct_sparsity"].tolist() == [0.5, 0.5, 0.5]
    assert table["effective_sparsity"].tolist() == [0.5, 0.75, 1 - 13 / 34]
    assert table["direct_compression"].tolist() == [2, 2, 2]
    assert table["effective_compression"].tolist() == [2, 4, 34 / 13]
    assert table["flops"].tolist() == [2 * 18 * 4, 2 * 16, 2 * 18 * 4 + 2 * 16]  # a 2 by 2 map
    assert table["direct_flops"].tolist() == [2 * 9 * 4, 2 * 8, 2 * 9 * 4 + 2 * 8]
    assert table["effective_flops"].tolist() == [2 * 9 * 4, 2 * 4, 2 * 9 * 4 + 2 * 4]


def test_report_counts_live_units_and_what_compaction_leaves():
    first = torch.ones(2, 1, 3, 3, dtype=torch.bool)
    first[1] = False
    table = es.sparsity_report(network(), (1, 4, 4), {"0.weight": first}).set_index("layer")
    assert table["live_inputs"].tolist() == [1, 4, 5]
    assert table["live_outputs"].tolist() == [1, 2, 3]
    assert table["parameters"].tolist() == [18 + 2, 16 + 2, 20 + 18 + 4]
    assert table["compact_parameters"].tolist() == [9 + 1, 8 + 2, 10 + 10 + 2]
    assert table["compact_flops"].tolist() == [2 * 9 * 4, 2 * 8, 2 * 9 * 4 + 2 * 8]
    assert table["bytes"]["total"] == 4 * (42 + 4) + 8  # with running statistics, and the count of batches
    assert table["compact_bytes"]["total"] == 4 * (22 + 2) + 8


@pytest.mark.parametrize(
    ("layer", "shape", "mask", "live"),
    [
        (nn.Conv1d(4, 2, 1, groups=2), (4, 3), [[1, 0], [1, 1]], (3, 2)),
        (nn.ConvTranspose1d(4, 4, 1, groups=2), (4, 3), [[1, 0], [0, 0], [1, 1], [0, 0]], (2, 3)),
        (nn.Linear(3, 2), (3,), [[1, 0, 0], [0, 0, 0]], (1, 1)),
    ],
)
def test_live_units_of_each_kind_of_layer(layer, shape, mask, live):
    mask = torch.tensor(mask, dtype=torch.bool).view(layer.weight.shape)
    row = es.sparsity_report(layer, shape, {"weight": mask}).iloc[0]
    assert (row["live_inputs"], row["live_outputs"]) == live


def test_disconnected_network_has_infinite_effective_compression():
    table = es.sparsity_report(network(), (1, 4, 4), {"4.weight": torch.zeros(2, 8, dtype=torch.bool)})
    assert np.isinf(table["effective_compression"]).all()
    assert (table["effective_sparsity"] == 1).all()
    assert table.attrs["notes"] == ["the network is disconnected: nothing is left of 4.weight"]


def test_weights_that_the_input_never_meets_are_named():
    model = nn.ModuleDict({"body": nn.Linear(2, 2), "aux": nn.Linear(2, 2)})
    model.forward = lambda x: model["body"](x)
    notes = es.sparsity_report(model, (2,)).attrs["notes"]
    assert notes == ["not counted, because the input never meets them: aux.weight"]


def test_masks_are_taken_from_torch_prune_and_from_zeros():
    model = network()
    prune.ln_structured(model[0], "weight", amount=1, n=2, dim=0)
    with torch.no_grad():
        model[4].weight[0] = 0
    table = es.sparsity_report(model, (1, 4, 4)).set_index("layer")
    assert table["n_kept"].to_dict() == {"0.weight": 9, "4.weight": 8, "total": 17}
    assert table["n_active"]["total"] == 9 + 4


def test_flops_of_a_published_architecture():
    # Without masks a weight that is drawn as exactly 0 counts as pruned, which happens.
    total = es.sparsity_report(torchvision.models.resnet18(), (3, 224, 224), masks={}).iloc[-1]
    assert total["flops"] == 2 * 1_814_073_344  # multiply-accumulates, biases and batch norm not counted
    assert total["effective_flops"] == total["flops"]


def test_masks_of_other_numbers_are_refused():
    with pytest.raises(UserError, match="other than 0 and 1"):
        es.sparsity_report(network(), (1, 4, 4), {"4.weight": torch.full((2, 8), 3)})


def test_report_prints_what_is_kept_and_what_is_active():
    first = torch.ones(2, 1, 3, 3, dtype=torch.bool)
    first[1] = False
    last = torch.zeros(2, 8, dtype=torch.bool)
    report = es.sparsity_report(network(), (1, 4, 4), {"0.weight": first, "4.weight": last})
    assert str(report).splitlines() == [
        "                                                compression",
        "layer       shape  weights  kept  active  direct  effective",
        "0.weight  2x1x3x3       18     9       0       2        inf",
        "4.weight      2x8       16     0       0     inf        inf",
        "total                   34     9       0   3.778        inf",
        "FLOPs of the example: 176 dense, 0 effective; bytes: 192, 8 compacted",
        "the network is disconnected: nothing is left of 4.weight",
    ]


def test_what_is_selected_from_a_report_is_a_table_like_any_other():
    report = es.sparsity_report(network(), (1, 4, 4), {})
    assert "n_kept" in str(report[["layer", "n_kept"]])
    del report["flops"]
    assert "[3 rows x 18 columns]" in str(report)


def test_a_model_that_cannot_be_compacted_is_reported_all_the_same():
    class Distance(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.left = nn.Linear(2, 2), nn.Parameter(torch.ones(2, 2))

        def forward(self, left, right):
            return self.layer(left) + self.left @ self.layer(right).mT

    masks = {"left": torch.tensor([[True, False], [True, False]])}
    inputs = (torch.zeros(2, 2), torch.zeros(2, 2))
    table = es.sparsity_report(Distance(), inputs, masks).set_index("layer")
    assert table["compact_parameters"].isna().all()
    assert table.loc["left", ["live_inputs", "live_outputs"]].tolist() == [1, 2]


def test_a_network_that_is_disconnected_without_an_empty_layer_says_so():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    masks = {"0.weight": torch.eye(2)[:1].repeat(2, 1) * torch.eye(2), "1.weight": torch.tensor([[0, 1]])}
    notes = es.sparsity_report(model, (2,), masks).attrs["notes"]
    assert notes == ["the network is disconnected: no layer is empty, but no path is whole"]
