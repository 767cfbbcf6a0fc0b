"""Units that only biases feed, in networks small enough to check by hand."""

import pytest
import torch
from torch import nn

import effective_sparsity as es
from effective_sparsity.compaction import compaction
from effective_sparsity.compaction.layers import BiasMapConv2d


def linear(weight, bias):
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def test_a_constant_goes_through_an_activation_into_the_bias():
    model = nn.Sequential(
        linear([[1.0, 2.0], [0.0, 0.0]], [0.5, 3.0]), nn.ReLU(), linear([[1.0, 10.0]], [100.0])
    )
    small = es.compact(model, None, (2,))
    assert small[0].weight.tolist() == [[1.0, 2.0]]
    assert small[2].weight.tolist() == [[1.0]]
    assert small[2].bias.tolist() == [130.0]


def test_a_constant_goes_through_batch_norm_with_its_statistics():
    norm = nn.BatchNorm1d(2, eps=0)
    norm.load_state_dict(
        {
            "weight": torch.tensor([1.0, 4.0]),
            "bias": torch.tensor([0.0, 1.0]),
            "running_mean": torch.tensor([0.0, 1.0]),
            "running_var": torch.tensor([1.0, 4.0]),
            "num_batches_tracked": torch.tensor(0),
        }
    )
    model = nn.Sequential(linear([[1.0], [0.0]], [0.0, 3.0]), norm, linear([[1.0, 10.0]], [0.0])).eval()
    small = es.compact(model, None, (1,))
    assert small[1].num_features == 1
    assert small[2].bias.tolist() == [10 * (4 * (3 - 1) / 2 + 1)]


def test_a_unit_fed_by_a_dead_unit_is_a_constant_too():
    model = nn.Sequential(
        linear([[1.0], [0.0]], [0.0, 1.0]),
        nn.ReLU(),
        linear([[1.0, 0.0], [0.0, 2.0]], [0.0, 1.0]),  # the second sees the dead unit alone: 3
        nn.ReLU(),
        linear([[1.0, 5.0]], [0.0]),
    )
    small = es.compact(model, None, (1,))
    assert [layer.out_features for layer in small[::2]] == [1, 1, 1]
    assert small[4].bias.tolist() == [15.0]


def test_a_live_row_whose_weights_cancel_stays():
    model = nn.Sequential(linear([[1.0, -1.0]], [0.0]), linear([[2.0]], [0.0]))
    assert es.compact(model, None, (2,))[0].weight.tolist() == [[1.0, -1.0]]


def padded():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 2, 3, padding=1, bias=False)).double()
    mask = torch.ones(3, 1, 1, 1, dtype=torch.bool)
    mask[2] = False
    return model, {"0.weight": mask}


def test_behind_a_padded_convolution_a_constant_becomes_a_map():
    model, masks = padded()
    small = es.compact(model, masks, (1, 4, 4))
    assert small[0].out_channels == 2
    assert isinstance(small[1], BiasMapConv2d)
    constant = torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    constant[:, 2] = model[0].bias[2]
    torch.testing.assert_close(small[1].bias_map, model[1](constant)[0].detach())
    assert small.state_dict()["1.bias_map"].shape == (2, 4, 4)


def test_or_the_channel_is_kept_and_the_report_says_why():
    model, masks = padded()
    result = compaction(model, masks, (1, 4, 4), constants="keep")
    assert type(result.model[1]) is nn.Conv2d
    (width,) = [width for width in result.widths if (width.layer, width.side) == ("0", "outputs")]
    assert (width.before, width.kept) == (3, 3)
    assert width.reasons == {"their constants differ between positions of 1": 1}
    x = torch.randn(2, 1, 7, 5, dtype=torch.float64)  # of another size
    masked = nn.Sequential(*model)
    with torch.no_grad():
        masked[0].weight.mul_(masks["0.weight"])
    torch.testing.assert_close(result.model(x), masked(x))


def test_without_padding_a_bias_is_enough():
    model, masks = padded()
    model[1].padding = (0, 0)
    small = es.compact(model, masks, (1, 4, 4))
    assert type(small[1]) is nn.Conv2d
    torch.testing.assert_close(small[1].bias, model[0].bias[2] * model[1].weight[:, 2].sum((1, 2)))


@pytest.mark.parametrize("constants", ["fold", "keep"])
def test_a_network_without_a_path_becomes_its_constant(constants):
    model = nn.Sequential(linear([[1.0], [1.0]], [0.0, 1.0]), nn.ReLU(), linear([[2.0, 3.0]], [4.0]))
    with pytest.warns(UserWarning, match="no path is left from the inputs to the outputs"):
        small = es.compact(model, {"0.weight": torch.zeros(2, 1, dtype=torch.bool)}, (1,), constants)
    assert small(torch.randn(5, 1)).tolist() == [[7.0]] * 5
    assert sum(tensor.numel() for tensor in small.state_dict().values()) == 1


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 3, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(3)

    def forward(self, x):
        branch = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        branch += x
        return branch


def test_a_residual_branch_without_a_path_becomes_a_constant():
    model = nn.Sequential(nn.Conv2d(1, 3, 1), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    nn.init.normal_(model[1].bn2.bias)
    masks = {"1.conv1.weight": torch.zeros(4, 3, 3, 3, dtype=torch.bool)}
    result = compaction(model, masks, (1, 5, 5))
    assert result.replaced == ("1.bn2",)
    assert result.dropped == ("1.bn1", "1.conv1", "1.conv2")
    assert sum(parameter.numel() for parameter in result.model.parameters()) == 3 + 3
    with torch.no_grad():
        model[1].conv1.weight.zero_()
    x = torch.randn(2, 1, 5, 5)
    torch.testing.assert_close(result.model(x), model(x))
