"""Training a compacted network follows the masked one."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from effective_sparsity.compaction import compaction
from effective_sparsity.networks.initialisation import initialise

SHAPE = (2, 8, 8)


def network(norm=True):
    def block(inputs, outputs):
        layers = [nn.Conv2d(inputs, outputs, 3, padding=1)]
        return [*layers, nn.BatchNorm2d(outputs), nn.ReLU()] if norm else [*layers, nn.ReLU()]

    return nn.Sequential(
        *block(2, 8),
        nn.MaxPool2d(2),
        *block(8, 8),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    ).double()


def masks_of(model, density=0.08):
    torch.manual_seed(3)
    return {
        name: torch.rand_like(parameter) < density
        for name, parameter in model.named_parameters()
        if name.endswith("weight") and parameter.ndim > 1
    }


def train(model, masks, steps=30):
    """Losses of plain SGD with momentum and weight decay that holds pruned weights at zero."""
    random = torch.Generator().manual_seed(0)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    losses = []
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).mul_(mask)
    for _ in range(steps):
        x = torch.randn(16, *SHAPE, generator=random, dtype=torch.float64)
        loss = cross_entropy(model(x), (x[:, :, 0, 0].sum(1) > 0).long())
        optimizer.zero_grad()
        loss.backward()
        for name, mask in masks.items():
            model.get_parameter(name).grad.mul_(mask)
        optimizer.step()
        losses.append(loss.item())
    return losses


def assert_one_trajectory(model, masks):
    result = compaction(model, masks, SHAPE, constants="train")
    masked = copy.deepcopy(model)
    expected, found = train(masked, masks), train(result.model, result.masks)
    assert found == pytest.approx(expected, rel=1e-9)
    assert expected[-1] < expected[0]
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(result.model.eval()(x), masked.eval()(x), rtol=0, atol=1e-9)
    return result.model


def test_batch_norm_takes_the_constants_away():
    model = network()
    initialise(model, 0)
    small = assert_one_trajectory(model, masks_of(model))
    first = small[0]
    assert first.out_channels < 8
    assert all(weight.abs().sum() > 0 for weight in first.weight)  # no dead channel is left


def test_without_batch_norm_constants_stay_parameters():
    model = network(norm=False)
    initialise(model, 0)
    nn.init.constant_(model[0].bias, 0.1)  # above zero: ReLU lets them through, and they are trained
    masks = masks_of(model)
    masks["0.weight"][0] = False
    masks["3.weight"][:, 0] = True
    small = assert_one_trajectory(model, masks)
    dead = [unit for unit, weight in enumerate(small[0].weight) if not weight.any()]
    assert dead  # its bias is a parameter still
    folded = compaction(model, masks, SHAPE).model
    assert folded[0].out_channels < small[0].out_channels


def test_a_zero_that_a_trained_constant_can_wake_is_kept():
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([0.0, 0.5]))
        model[2].weight.copy_(torch.tensor([[1.0, 1.0], [0.0, -1.0]]))
        model[2].bias.copy_(torch.tensor([0.0, 0.1]))  # the second unit: ReLU(0.1 - 0.5)
    masks = {
        "0.weight": torch.tensor([[True], [False]]),
        "2.weight": torch.tensor([[True, True], [False, True]]),
    }
    assert compaction(model, masks, (1,)).model[2].out_features == 1
    assert compaction(model, masks, (1,), constants="train").model[2].out_features == 2


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_border_that_training_wakes_is_kept(sign):
    """One of two positions of the first channel sees padding: ReLU cuts or passes what batch norm leaves.

    The second convolution reads this position alone, which moves with the statistics of the batch.
    """
    model = nn.Sequential(
        nn.Sequential(nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(2)),
        nn.Conv1d(2, 2, 3, padding=1),
        nn.BatchNorm1d(2),
        nn.ReLU(),
        nn.Conv1d(2, 2, 3, padding=1),
        nn.BatchNorm1d(2),
        nn.ReLU(),
        nn.Conv1d(2, 2, 3, padding=1),
        nn.BatchNorm1d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4, 3),
    ).double()
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if name.endswith("weight") and parameter.ndim > 1:
            nn.init.normal_(parameter)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    masks = {f"{layer}.weight": torch.zeros(2, 2, 3, dtype=torch.bool) for layer in (1, 4, 7)}
    masks["1.weight"][0, 0, 2] = masks["1.weight"][1, 1, 1] = True
    masks["4.weight"][0, 0, 2] = masks["4.weight"][1, 1, 1] = True
    masks["7.weight"][0, 0, 1] = masks["7.weight"][1, 1, 1] = True
    with torch.no_grad():
        model[1].weight[0, 0, 2] = sign
    assert_one_trajectory(model, masks)
