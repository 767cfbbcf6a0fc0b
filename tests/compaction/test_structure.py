"""How units hang together, and what happens where a network cannot be rewritten."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import effective_sparsity as es
from effective_sparsity.compaction import compaction
from effective_sparsity.errors import UserError


def mask_of(layer, dead_outputs=(), dead_inputs=()):
    mask = torch.ones_like(layer.weight, dtype=torch.bool)
    mask[list(dead_outputs)] = False
    mask[:, list(dead_inputs)] = False
    return mask


def widths(result):
    return {(width.layer, width.side): (width.before, width.kept) for width in result.widths}


def assert_same(model, masks, result, shape):
    masked = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        for name, mask in masks.items():
            masked.get_parameter(name).mul_(mask)
        x = torch.randn(3, *shape, dtype=torch.float64)
        torch.testing.assert_close(result.model.double().eval()(x), masked(x), rtol=0, atol=1e-6)


class Hard(nn.Module):
    """The tutorial's network: it flattens to a fixed width."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.fc = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 8, 3), nn.Linear(32, 2)

    def forward(self, x):
        x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        return self.fc(x.view(-1, 32))


def test_a_fixed_width_keeps_its_units_and_is_reported():
    model = Hard()
    masks = {"conv1.weight": mask_of(model.conv1, [1, 2]), "conv2.weight": mask_of(model.conv2, [0])}
    result = compaction(model, masks, (1, 6, 6))
    assert widths(result)["conv1", "outputs"] == (6, 4)
    assert widths(result)["conv2", "outputs"] == (8, 8)
    (width,) = [w for w in result.widths if (w.layer, w.side) == ("conv2", "outputs")]
    assert width.reasons == {"view in the model itself has a fixed size": 1}
    assert_same(model, masks, result, (1, 6, 6))


class Slices(nn.Module):
    """Every other channel: the counts agree after a cut, but not the channels."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 6, 1), nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(self.conv(x)[:, ::2].mean(2))


def test_slices_that_would_pick_other_channels_are_noticed():
    model = Slices()
    masks = {"conv.weight": mask_of(model.conv, [0, 5])}
    result = compaction(model, masks, (1, 4))
    assert widths(result)["conv", "outputs"] == (6, 6)
    assert_same(model, masks, result, (1, 4))


class ByWidth(nn.Module):
    """Its scale depends on the number of channels."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 6, 1), nn.Linear(6, 2)

    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.mean(2) / x.shape[1])


def test_numbers_made_from_a_width_are_noticed():
    model = ByWidth()
    masks = {"conv.weight": mask_of(model.conv, [0])}
    result = compaction(model, masks, (1, 4))
    assert widths(result)["conv", "outputs"] == (6, 6)
    assert_same(model, masks, result, (1, 4))


class NormOfTheWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.fc = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(torch.relu(self.hidden(x))) * self.hidden.weight.mean()


def test_what_cannot_be_rewritten_is_an_error_that_names_it():
    model = NormOfTheWeight()
    with pytest.raises(UserError, match="mul in the model itself computes with the widths of layers"):
        es.compact(model, {"hidden.weight": mask_of(model.hidden, [1])}, (3,))


class Twice(nn.Module):
    """A layer that is used twice, and a weight that two layers share."""

    def __init__(self):
        super().__init__()
        self.first, self.shared, self.tied, self.last = (nn.Linear(4, 4) for _ in range(4))
        self.tied.weight = self.shared.weight

    def forward(self, x):
        x = torch.relu(self.shared(torch.relu(self.first(x))))
        return self.last(torch.relu(self.tied(torch.relu(self.shared(x)))))


def test_shared_weights_are_cut_together_and_stay_shared():
    model = Twice()
    masks = {
        "first.weight": mask_of(model.first, [0, 1]),
        "shared.weight": mask_of(model.shared, [0, 2], [0]),
        "last.weight": mask_of(model.last, [], [0]),
    }
    result = compaction(model, masks, (4,))
    assert result.model.tied.weight is result.model.shared.weight
    assert result.model.shared.weight.shape == (3, 3)  # unit 0 is dead wherever it appears
    assert_same(model, masks, result, (4,))


def test_groups_keep_one_width():
    model = nn.Sequential(
        nn.Conv1d(2, 8, 1), nn.ReLU(), nn.Conv1d(8, 4, 1, groups=2), nn.Flatten(), nn.Linear(12, 2)
    )
    masks = {"0.weight": mask_of(model[0], [0, 1, 5])}  # two of the first group, one of the second
    result = compaction(model, masks, (2, 3))
    assert result.model[2].weight.shape == (4, 3, 1)
    assert_same(model, masks, result, (2, 3))


def test_a_dead_group_goes():
    model = nn.Sequential(
        nn.Conv1d(2, 8, 1), nn.ReLU(), nn.Conv1d(8, 4, 1, groups=2), nn.Flatten(), nn.Linear(12, 2)
    )
    masks = {"0.weight": mask_of(model[0], [0, 1, 2, 3])}
    result = compaction(model, masks, (2, 3))
    assert (result.model[2].groups, result.model[2].in_channels, result.model[2].out_channels) == (1, 4, 2)
    assert_same(model, masks, result, (2, 3))


def test_a_depthwise_convolution_follows_its_input():
    model = nn.Sequential(
        nn.Conv2d(1, 5, 1),
        nn.ReLU6(),
        nn.Conv2d(5, 5, 3, padding=1, groups=5),
        nn.ReLU6(),
        nn.Conv2d(5, 2, 1),
    )
    masks = {"0.weight": mask_of(model[0], [1]), "4.weight": mask_of(model[4], [], [3])}
    result = compaction(model, masks, (1, 4, 4))
    assert (result.model[2].groups, result.model[2].in_channels) == (3, 3)
    assert_same(model, masks, result, (1, 4, 4))


def test_units_that_a_norm_mixes_are_kept():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    result = compaction(model, {"0.weight": mask_of(model[0], [1])}, (3,))
    (width,) = [w for w in result.widths if (w.layer, w.side) == ("0", "outputs")]
    assert width.reasons == {"native_layer_norm in 1 mixes them": 1}


def test_masks_of_torch_prune_and_parametrizations_are_understood():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)))
    prune.ln_structured(model[0], "weight", amount=2, n=2, dim=0)
    small = es.compact(model, None, (3,))
    assert small[0].weight.shape == (2, 3)
    x = torch.randn(5, 3)
    torch.testing.assert_close(small(x), model(x))
    assert prune.is_pruned(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"9.weight": torch.ones(1) > 0}, (3,)), "has no parameter '9.weight'"),
        (({"0.weight": torch.full((4, 3), 0.5)}, (3,)), "numbers other than 0 and 1"),
        ((None, (5,)), "does not run on an input of shape"),
        ((None, (3,), "drop"), "constants='drop' is unknown; use one of fold, keep, train"),
    ],
)
def test_mistakes_are_named(arguments, message):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(UserError, match=message):
        es.compact(model, *arguments)
