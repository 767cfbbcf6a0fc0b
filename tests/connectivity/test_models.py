"""Models, masks and inputs as people have them."""

import collections
import copy
import dataclasses
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import effective_sparsity as es
from effective_sparsity.errors import UserError


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


FIRST = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=torch.bool)
LAST = torch.tensor([[1, 0, 1], [1, 0, 0]], dtype=torch.bool)
# The second unit of the hidden layer has no way out, the third no way in.
ACTIVE = {
    "0.weight": FIRST & torch.tensor([[True], [False], [False]]),
    "2.weight": LAST & torch.tensor([True, False, False]),
}


def pruned(kind):
    model = network()
    for layer, mask in ((model[0], FIRST), (model[2], LAST)):
        if kind == "zeros":
            layer.weight.data *= mask
        elif kind in ("prune", "removed"):
            prune.custom_from_mask(layer, "weight", mask)
            if kind == "removed":
                prune.remove(layer, "weight")
        elif kind == "parametrised":
            parametrize.register_parametrization(layer, "weight", Masked(mask))
        elif kind == "scaled":
            layer.weight.data *= mask
            parametrizations.spectral_norm(layer)
    return model


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


KINDS = ("zeros", "prune", "removed", "parametrised", "scaled")


@pytest.mark.parametrize("kind", KINDS)
def test_a_pruned_model_needs_no_masks(kind):
    active = es.effective_masks(pruned(kind), inputs=(4,))
    assert active.keys() == ACTIVE.keys()
    for name, mask in ACTIVE.items():
        assert np.array_equal(active[name], mask), name
    table = es.sparsity_report(pruned(kind), (4,)).set_index("layer")
    assert table["n_kept"].to_dict() == {"0.weight": 3, "2.weight": 3, "total": 6}
    assert table["n_active"]["total"] == 4


def test_a_sparsifier_of_torch_ao_is_read_before_and_after_its_masks_are_squashed():
    from torch.ao.pruning import WeightNormSparsifier

    model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 20))
    sparsifier = WeightNormSparsifier(sparsity_level=0.95, sparse_block_shape=(1, 1), zeros_per_block=1)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight"}])
    sparsifier.step()
    table = es.sparsity_report(model, (20,)).set_index("layer")
    assert table["n_kept"].to_dict() == {"0.weight": 16, "2.weight": 16, "total": 32}
    sparsifier.squash_mask()
    # How the weights are stored has changed; what they are has not.
    of_weights = [
        "n_weights",
        "n_kept",
        "n_active",
        "flops",
        "effective_flops",
        "live_inputs",
        "live_outputs",
    ]
    assert es.sparsity_report(model, (20,)).set_index("layer")[of_weights].equals(table[of_weights])


def test_scores_are_taken_under_the_name_of_the_layer_and_of_the_parameter_behind_it():
    for model, behind in (
        (pruned("prune"), "0.weight_orig"),
        (pruned("parametrised"), "0.parametrizations.weight.original"),
    ):
        for name in ("0.weight", behind):
            active = es.effective_masks(model, {name: FIRST}, (4,))
            assert list(active) == [name]
            assert torch.equal(active[name], FIRST)


def test_a_mask_that_is_computed_in_forward_selects_weights():
    class Movement(nn.Linear):
        def __init__(self, mask):
            super().__init__(4, 3)
            self.scores = nn.Parameter(mask.float())

        def forward(self, x):
            return nn.functional.linear(x, self.weight * (self.scores > 0.5).to(x.dtype), self.bias)

    assert np.array_equal(es.effective_masks(Movement(FIRST), inputs=(4,))["weight"], FIRST)


def test_zeros_of_a_weight_that_is_mixed_from_several_parameters_are_refused():
    class LowRank(nn.Linear):
        def __init__(self):
            super().__init__(2, 2, bias=False)
            self.a, self.b = nn.Parameter(torch.zeros(2, 1)), nn.Parameter(torch.zeros(1, 2))

        def forward(self, x):
            return nn.functional.linear(x, self.weight.tril() + self.a @ self.b)

    with pytest.raises(UserError, match=r"which weights are zero cannot be read of 0\.a, 0\.b, 0\.weight"):
        es.effective_masks(nn.Sequential(LowRank(), nn.Linear(2, 2)), inputs=(2,))


def compiled(model):
    model[0] = torch.compile(model[0], backend="eager")
    model.compile(backend="eager")
    return torch.compile(model, backend="eager")


def sparse(model):
    for layer in (model[0], model[2]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer.weight = nn.Parameter(layer.weight.detach().to_sparse_csr())
    return model


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, compiled, lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.double(), sparse],
)
def test_a_model_is_measured_as_it_is(wrap):
    active = es.effective_masks(wrap(pruned("zeros")), inputs=(4,))
    assert active.keys() == ACTIVE.keys()
    for name, mask in ACTIVE.items():
        assert np.array_equal(active[name], mask)


def test_wrapped_models_take_the_names_that_they_show():
    model = nn.DataParallel(network())
    active = es.effective_masks(
        model, {name: p != 0 for name, p in model.named_parameters() if p.ndim > 1}, (4,)
    )
    assert list(active) == ["module.0.weight", "module.2.weight"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_quantised_layers_are_the_layers_that_they_stand_for():
    model = pruned("zeros")
    active = es.effective_masks(torch.ao.quantization.quantize_dynamic(model, {nn.Linear}), inputs=(4,))
    for name, mask in ACTIVE.items():
        assert np.array_equal(active[name], mask)


def test_quantised_convolutions_may_hold_their_activation():
    quantized = torch.ao.nn.intrinsic.quantized
    model = nn.Sequential(quantized.ConvReLU2d(1, 2, 3), torch.ao.nn.quantized.Dropout(), nn.Flatten())
    assert es.Connectivity(model, (1, 4, 4)).shapes == {"0.weight": (2, 1, 3, 3)}


def test_a_scripted_model_is_refused_with_the_cure():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(network())
    with pytest.raises(UserError, match="the model is a scripted module; give the original"):
        es.effective_masks(scripted, inputs=(4,))


def test_a_model_on_the_meta_device_takes_masks_and_has_none_of_its_own():
    model = network().to("meta")
    active = es.effective_masks(model, {"0.weight": FIRST, "2.weight": LAST}, (4,))
    assert all(torch.equal(active[name], mask) for name, mask in ACTIVE.items())
    with pytest.raises(UserError, match=r"cannot be read of 0\.weight.*give masks"):
        es.effective_masks(model, inputs=(4,))


def test_channels_last_does_not_matter():
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    )
    model[0].weight.data[1] = 0
    expected = es.effective_masks(model, inputs=(2, 5, 5))
    active = es.effective_masks(model.to(memory_format=torch.channels_last), inputs=(2, 5, 5))
    assert all(np.array_equal(active[name], mask) for name, mask in expected.items())


@dataclasses.dataclass
class Pair:
    left: torch.Tensor
    right: torch.Tensor


class Two(nn.Module):
    """left -> a -> first output; left and right -> b -> second output."""

    def __init__(self, wrap=lambda first, second: (first, second)):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(3, 2, bias=False)
        self.wrap = wrap

    def forward(self, left, right):
        return self.wrap(self.a(left), self.b(right) + left.sum())


LEFT, RIGHT = torch.zeros(1, 2), torch.zeros(1, 3)
Named = collections.namedtuple("Named", ["first", "second"])


@pytest.mark.parametrize("inputs", [(LEFT, RIGHT), [LEFT, RIGHT], {"right": RIGHT, "left": LEFT}])
@pytest.mark.parametrize(
    ("wrap", "names"),
    [
        (lambda a, b: (a, b), ["0", "1"]),
        (lambda a, b: {"one": a, "two": [b]}, ["one", "two.0"]),
        (Pair, ["left", "right"]),
        (Named, ["0", "1"]),
    ],
)
def test_inputs_and_outputs_of_any_structure(inputs, wrap, names):
    connectivity = es.Connectivity(Two(wrap), inputs)
    assert list(connectivity.output_shapes) == names
    assert sorted(connectivity.input_shapes.values()) == [(1, 2), (1, 3)]
    assert all(mask.all() for mask in connectivity.effective_masks().values())


def test_nested_inputs():
    class Nested(Two):
        def forward(self, batch, scale=1.0):
            return super().forward(batch["pair"].left * scale, batch["pair"].right)

    connectivity = es.Connectivity(Nested(), ({"pair": Pair(LEFT, RIGHT)},))
    assert connectivity.input_shapes == {"0.pair.left": (1, 2), "0.pair.right": (1, 3)}


def test_token_ids_are_inputs():
    class Text(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.place = nn.Embedding(5, 3), nn.Embedding(4, 3)
            self.head = nn.Linear(3, 2)

        def forward(self, ids, mask):
            x = self.embed(ids) + self.place(torch.arange(ids.shape[1]))
            return self.head(x * mask[..., None])

    connectivity = es.Connectivity(
        Text(), {"ids": torch.zeros(1, 4, dtype=torch.long), "mask": torch.ones(1, 4)}, fixed=["mask"]
    )
    assert connectivity.input_shapes == {"ids": (1, 4)}
    assert connectivity.shapes == {"embed.weight": (5, 3), "head.weight": (2, 3)}
    assert connectivity.unreached == {"place.weight": (4, 3)}
    scores = {
        "embed.weight": np.arange(15.0).reshape(5, 3),
        "head.weight": np.array([[1.0, 20.0, 3.0], [0.0, 20.0, 13.5]]),
    }
    effective = connectivity.effective_scores(scores)
    # The best token brings scores 12, 13 and 14 to the three features; the head lets 1, 20 and 13.5 leave.
    assert np.array_equal(effective["embed.weight"], np.minimum(scores["embed.weight"], [1.0, 20.0, 13.5]))
    assert np.array_equal(effective["head.weight"], np.minimum(scores["head.weight"], [12.0, 13.0, 14.0]))


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({"live_inputs": [True, False]}, [[[1, 0], [1, 0]], [[1, 1], [1, 1]]]),
        ({"live_outputs": np.array([False, True])}, [[[1, 1], [1, 1]], [[0, 0], [1, 1]]]),
        ({"live_inputs": {"0": torch.tensor([[False, False]])}}, [[[0, 0]] * 2] * 2),
    ],
)
def test_paths_begin_and_end_where_the_caller_says(live, expected):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    active = es.effective_masks(model, inputs=(2,), **live)
    assert [mask.astype(int).tolist() for mask in active.values()] == expected


class Twice(nn.Module):
    """One tensor as two outputs."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 3)

    def forward(self, x):
        logits = self.fc(x)
        return {"logits": logits, "again": logits}


def test_paths_end_at_either_of_two_outputs_that_are_one_tensor():
    live = {"logits": [True, False, False], "again": [False, True, False]}
    active = es.effective_masks(Twice(), inputs=(1,), live_outputs=live)
    assert active["fc.weight"].tolist() == [[True], [True], [False]]


@pytest.mark.parametrize(
    ("live", "message"),
    [
        ({"live_inputs": [True]}, r"live_inputs of 0 is bool \(1,\); give bool of shape \(2,\)"),
        ({"live_inputs": np.ones(2)}, r"live_inputs of 0 is float64"),
        ({"live_outputs": {"x": np.ones(2, bool)}}, "live_outputs names 'x'; there are 0"),
    ],
)
def test_live_arrays_that_do_not_fit_are_refused(live, message):
    with pytest.raises(UserError, match=message):
        es.effective_masks(nn.Linear(2, 2), inputs=(2,), **live)


def test_live_inputs_are_those_that_vary_over_samples():
    samples = np.array([[[0.1, 1.0, 5.0]], [[0.1, 1.2, 9.0]], [[0.1, 1.0, 7.0]]], np.float32)
    assert es.live_inputs(samples).tolist() == [[False, True, True]]
    assert es.live_inputs(samples.tolist()).tolist() == [[False, True, True]]
    assert es.live_inputs(torch.from_numpy(samples), deviation=0.5).tolist() == [[False, False, True]]
    many = np.random.default_rng(0).integers(0, 256, (5000, 2, 900), np.uint8)  # several blocks of float64
    expected = many.astype(float).std(0)
    assert (es.live_inputs(many, np.median(expected)) == (expected > np.median(expected))).all()
    with pytest.raises(UserError, match="deviation is -1"):
        es.live_inputs(samples, deviation=-1)
    with pytest.raises(UserError, match="give at least one sample"):
        es.live_inputs(samples[:0])


def test_an_operation_that_is_not_understood_conducts_all_if_the_caller_asks():
    class Distance(nn.Module):
        def forward(self, x):
            return torch.ops.aten._cdist_forward(x, x, 2.0, None)

    model = nn.Sequential(nn.Linear(2, 2), Distance())
    with pytest.raises(UserError, match="conservative=True"):
        es.Connectivity(model, (2,))
    connectivity = es.Connectivity(model, (2,), conservative=True)
    assert connectivity.assumed == ["_cdist_forward"]
    assert connectivity.effective_masks({"0.weight": np.eye(2)})["0.weight"].tolist() == np.eye(2).tolist()


def test_a_mask_from_the_input_conducts_all_if_the_caller_asks():
    class Positive(nn.Module):
        def forward(self, x):
            return x[x > 0]

    model = nn.Sequential(nn.Linear(2, 2, bias=False), Positive())
    nn.init.ones_(model[0].weight)
    with pytest.raises(UserError, match="its mask depends on the input"):
        es.Connectivity(model, (2,))
    connectivity = es.Connectivity(model, (torch.ones(1, 2),), conservative=True)
    assert connectivity.assumed == ["index"]
    assert connectivity.effective_masks({"0.weight": np.eye(2)})["0.weight"].tolist() == np.eye(2).tolist()


def test_auxiliary_heads_are_named():
    model = nn.ModuleDict({"body": nn.Linear(2, 2), "aux": nn.Linear(2, 2)})
    model.forward = lambda x: model["body"](x)
    connectivity = es.Connectivity(model, (2,))
    assert connectivity.unreached == {"aux.weight": (2, 2)}
    with pytest.raises(UserError, match=r"'aux\.weight' is a weight that the input never meets"):
        connectivity.effective_masks({"aux.weight": np.ones((2, 2), bool)})


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}])
def test_recurrent_layers_agree_with_gradients(kind, options):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = kind(3, 2, batch_first=True, **options)

        def forward(self, x):
            return self.layer(x)[0]

    torch.manual_seed(1)
    model = Recurrent().double()
    masks = {n: torch.rand(p.shape) < 0.4 for n, p in model.named_parameters() if p.ndim > 1}
    active = es.effective_masks(model, masks, (4, 3))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.rand_like(parameter) * masks[name] if name in masks else 0.1 * parameter)
    x = torch.rand(1, 4, 3, dtype=torch.float64, requires_grad=True)
    model(x)
    # A weight is on a path exactly if it changes how an output moves with the input.
    for name, mask in active.items():
        changed = copy.deepcopy(model)
        for index in masks[name].nonzero().tolist():
            weight = changed.get_parameter(name)
            with torch.no_grad():
                before = weight[tuple(index)].item()
                weight[tuple(index)] = before + 0.5
            moved = _jacobian(changed, x) != _jacobian(model, x)
            assert bool(moved.any()) == bool(mask[tuple(index)]), (name, index)
            with torch.no_grad():
                weight[tuple(index)] = before


def _jacobian(model, x):
    return torch.autograd.functional.jacobian(model, x)


def test_arrays_and_named_tuples_are_inputs_and_may_be_fixed():
    class Named3(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, pair, scale, nothing=()):
            return self.layer(pair.first * scale) + pair.second

    pair = Named(torch.zeros(1, 2), torch.zeros(1, 2))
    inputs = {"pair": pair, "scale": np.ones(1, np.float32), "nothing": ()}
    connectivity = es.Connectivity(Named3(), inputs, fixed=["scale"])
    assert connectivity.input_shapes == {"pair.0": (1, 2), "pair.1": (1, 2)}
    assert es.Connectivity(nn.Linear(2, 2), np.zeros((1, 2), np.float32)).input_shapes == {"0": (1, 2)}
    with pytest.raises(UserError, match="fixed names 'mask', which is none of the inputs pair, scale, not"):
        es.Connectivity(Named3(), inputs, fixed=["mask"])
    with pytest.raises(
        UserError, match=r"run on inputs pair\.0 of shape \(1, 2\), pair\.1 of shape \(1, 2\)"
    ):
        es.Connectivity(nn.Linear(2, 2), inputs)


def test_a_sequence_of_live_arrays_has_one_for_each_input():
    with pytest.raises(UserError, match="live_inputs holds 1 arrays for 0, 1; give one for each"):
        es.effective_masks(Two(), inputs=(LEFT, RIGHT), live_inputs=[np.ones(2, bool)])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_quantised_activations_conduct_and_unknown_quantised_layers_are_named():
    quantized = torch.ao.nn.quantized

    class Added(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(2, 2, bias=False), quantized.ReLU6())
            self.sum = quantized.QFunctional()

        def forward(self, x):
            return self.sum.add(x, super().__getitem__(1)(self[0](x)))

    assert es.Connectivity(Added(), (2,)).shapes == {"0.weight": (2, 2)}
    model = nn.Sequential(nn.Sequential(quantized.EmbeddingBag(4, 2)))
    with pytest.raises(UserError, match=r"layer 0\.0 \(EmbeddingBag\) is quantised; give the model in fl"):
        es.Connectivity(model, (2,))


def test_weights_that_know_how_to_dequantise_are_dequantised():
    class Scaled(torch.Tensor):
        """Holds integers, as the weights of torchao do."""

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return super().__torch_function__(func, types, args, kwargs or {})

        def dequantize(self):
            return self.as_subclass(torch.Tensor) - 1

    model = nn.Linear(2, 1, bias=False)
    model.weight = nn.Parameter(torch.tensor([[1.0, 2.0]]).as_subclass(Scaled))
    assert es.effective_masks(model, inputs=(2,))["weight"].tolist() == [[False, True]]
