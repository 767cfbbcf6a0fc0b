"""Weights in every form in which a model multiplies by them, against gradients of float64 path sums."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import effective_sparsity as es
from effective_sparsity.errors import UserError


class Times(nn.Module):
    """A layer, and the operation on its result and a weight."""

    def __init__(self, operation, *shape):
        super().__init__()
        self.layer, self.weight = nn.Linear(3, 3, bias=False), nn.Parameter(torch.rand(shape))
        self.operation = operation

    def forward(self, x):
        return self.operation(self.layer(x), self.weight)


CASES = {
    "transposed": (lambda x, w: x @ w.mT, 4, 3),
    "a slice": (lambda x, w: x @ w[1:, ::2], 4, 4),
    "a vector on the right": (lambda x, w: x[0] @ w, 3),
    "a vector on the left": (lambda x, w: w @ x[0], 2),
    "a sum with an outer product": (lambda x, w: torch.addr(x[0], x[0, :, 0], w), 3),
    "an inner product": (lambda x, w: torch.dot(w, x[0, 1])[None], 3),
    "a stack of matrices": (lambda x, w: torch.bmm(x.reshape(2, 1, 3), w), 2, 3, 2),
    "a stack of matrices on the left": (lambda x, w: torch.bmm(w, x.reshape(2, 3, 1)), 2, 2, 3),
    "elements in another order": (lambda x, w: x @ w.flip(0), 3, 2),
    "elements in another order, of a slice": (lambda x, w: x @ w.flip(0)[1:].mT, 3, 3),
    "elements that repeat": (lambda x, w: x @ w.repeat(1, 2), 3, 2),
    "an expanded row": (lambda x, w: x @ w[1:].expand(3, 2), 2, 2),
    "overlapping windows": (lambda x, w: x @ w.unfold(0, 2, 1), 4),
    "two uses": (lambda x, w: x @ w.flip(0) + x @ w[:, :2], 3, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_active_weights_are_those_with_a_gradient(name):
    for seed in range(3):
        torch.manual_seed(seed)
        model = Times(*CASES[name]).double()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(torch.rand(parameter.shape) < 0.6).abs_()
        masks = {n: p.detach() != 0 for n, p in model.named_parameters()}
        model(torch.ones(1, 2, 3, dtype=torch.float64)).sum().backward()
        expected = {n: p.grad is not None and p * p.grad != 0 for n, p in model.named_parameters()}
        given, read = (es.effective_masks(model, m, (2, 3)) for m in (masks, None))
        for parameter, active in given.items():
            assert torch.equal(active, torch.as_tensor(expected[parameter]).expand(active.shape))
            assert np.array_equal(read[parameter], active.numpy())


def test_any_token_may_go_to_any_expert():
    def routed(x, w):
        ends = (x[0, 0, :2] > 0).cumsum(0).int()
        return torch._grouped_mm(x[0].repeat(2, 8)[:, :8].bfloat16(), w.bfloat16(), offs=ends).float()

    def all_experts(x, w):
        tokens = x[0].repeat(2, 8)[:, :8]
        return tokens @ w[0] + tokens @ w[1] + x[0, 0, :2].sum()

    torch.manual_seed(0)
    masks = {"layer.weight": torch.rand(3, 3) < 0.6, "weight": torch.rand(2, 8, 8) < 0.2}
    expected = es.effective_masks(Times(all_experts, 2, 8, 8), masks, (2, 3))
    active = es.effective_masks(Times(routed, 2, 8, 8), masks, (2, 3))
    assert all(torch.equal(active[name], mask) for name, mask in expected.items())


def test_weights_that_no_output_uses_have_the_least_score():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.tail, self.twice = (nn.Linear(2, 2, bias=False) for _ in range(3))

        def forward(self, x):
            self.tail(self.twice(x))
            return self.twice(self.body(x))

    scores = {f"{name}.weight": np.arange(4.0).reshape(2, 2) for name in ("body", "tail", "twice")}
    effective = es.effective_scores(Unused(), scores, (2,))
    assert np.isneginf(effective["tail.weight"]).all()
    assert effective["body.weight"].tolist() == [[0, 1], [2, 3]]
    assert effective["twice.weight"].tolist() == [[0, 1], [1, 3]]


def test_a_parameter_that_is_written_into_memory_is_entangled():
    model = Times(lambda x, w: F.conv1d(x, F.pad(w, (1, 1), mode="circular")), 2, 2, 1)
    with pytest.raises(UserError, match="'weight' reaches its layer through"):
        es.effective_masks(model, {"weight": torch.ones(2, 2, 1)}, (2, 3))


def test_a_product_without_a_weight_that_can_be_pruned_has_none():
    connectivity = es.Connectivity(Times(lambda x, w: x @ (w @ w), 3, 3), (2, 3))
    with pytest.raises(UserError, match="'weight' reaches its layer through mm, which does not keep"):
        connectivity.effective_masks({"weight": torch.ones(3, 3)})
    only = es.Connectivity(Times(lambda x, w: F.conv1d(torch.ones(1, 3, 3), w) + x.sum(), 2, 3, 1), (2, 3))
    assert only.unreached == {}
    assert list(only.shapes) == ["layer.weight"]


def test_a_part_of_a_weight_without_elements_is_not_pruned():
    connectivity = es.Connectivity(Times(lambda x, w: torch.cat([x, x @ w[:, 2:].flip(0)], 2), 3, 2), (2, 3))
    assert list(connectivity.shapes) == ["layer.weight"]


@pytest.mark.parametrize(("parameter", "message"), [(True, None), (False, "mask is on the meta device")])
def test_a_mask_of_attention_on_the_meta_device(parameter, message):
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)
            bias = torch.zeros(2, 2, device="meta")
            self.bias = nn.Parameter(bias) if parameter else nn.Buffer(bias)

        def forward(self, x):
            x = self.layer(x)
            return F.scaled_dot_product_attention(x, x, x, attn_mask=self.bias)

    if message:
        with pytest.raises(UserError, match=message):
            es.Connectivity(Attention(), (2, 3))
    else:
        assert es.effective_masks(Attention(), {"layer.weight": np.ones((3, 3))}, (2, 3))[
            "layer.weight"
        ].all()
