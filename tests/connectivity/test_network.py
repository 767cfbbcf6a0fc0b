"""Known cases by hand, real architectures, and what the interface promises."""

import copy
import math

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn.utils import parametrizations, prune

import effective_sparsity as es
from effective_sparsity.connectivity import Connectivity
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS


def kept(model, **changes):
    """Masks that keep all, except where the changes say otherwise."""
    masks = {
        name: torch.ones(p.shape, dtype=torch.bool) for name, p in model.named_parameters() if p.ndim > 1
    }
    return masks | {name.replace("__", "."): mask for name, mask in changes.items()}


def test_effective_score_is_the_bottleneck_of_the_widest_path():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    scores = {"0.weight": torch.tensor([[5.0, 1.0], [2.0, 7.0]]), "2.weight": torch.tensor([[3.0, 6.0]])}
    effective = es.effective_scores(model, scores, (2,))
    assert effective["0.weight"].tolist() == [[3.0, 1.0], [2.0, 6.0]]
    assert effective["2.weight"].tolist() == [[3.0, 6.0]]


def test_kernel_corner_that_only_sees_padding_is_inactive():
    model = nn.Conv2d(1, 1, 5, padding=2)
    active = es.effective_masks(model, kept(model), (1, 2, 2))
    expected = torch.zeros(5, 5, dtype=torch.bool)
    expected[1:4, 1:4] = True
    assert torch.equal(active["weight"][0, 0], expected)


def test_kernel_tap_that_only_sees_dead_pixels_is_inactive():
    # The first layer looks at one position of a row of two through its left tap; the other is fed by padding
    # only.
    model = nn.Sequential(nn.Conv1d(1, 1, 2, padding=1), nn.ReLU(), nn.Conv1d(1, 1, 3))
    masks = kept(model)
    masks["0.weight"][0, 0] = torch.tensor([True, False])
    active = es.effective_masks(model, masks, (1, 2))
    assert active["2.weight"].tolist() == [[[False, True, True]]]


class Residual(nn.Module):
    def __init__(self, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(2)
        self.conv2 = nn.Conv2d(2, 2, 3, padding=1)
        self.shortcut = shortcut

    def forward(self, x):
        return torch.relu(self.conv2(torch.relu(self.norm(self.conv1(x)))) + self.shortcut(x))


def test_residual_block_without_its_convolutions_still_conducts():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), Residual(nn.Identity()), nn.Conv2d(2, 1, 1))
    masks = kept(model, **{"1__conv1__weight": torch.zeros(2, 2, 3, 3).bool()})
    masks["1.conv2.weight"] = torch.zeros(2, 2, 3, 3).bool()
    active = es.effective_masks(model, masks, (1, 3, 3))
    assert active["0.weight"].all()
    assert active["2.weight"].all()


def test_pruned_shortcut_leaves_the_convolutions_to_conduct():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), Residual(nn.Conv2d(2, 2, 1)), nn.Conv2d(2, 1, 1))
    active = es.effective_masks(
        model, kept(model, **{"1__shortcut__weight": torch.zeros(2, 2, 1, 1).bool()}), (1, 3, 3)
    )
    assert not active.pop("1.shortcut.weight").any()
    assert all(mask.all() for mask in active.values())


def test_unit_fed_only_by_a_bias_is_dead():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU(), nn.Linear(2, 2))
    nn.init.ones_(model[0].bias)
    nn.init.ones_(model[1].bias)
    active = es.effective_masks(
        model, kept(model, **{"0__weight": torch.tensor([[False, False], [True, False]])}), (2,)
    )
    assert active["0.weight"].tolist() == [[False, False], [True, False]]
    assert active["3.weight"].tolist() == [[False, True], [False, True]]


def test_weight_used_at_two_places_is_active_if_it_is_at_one():
    layer = nn.Linear(2, 2, bias=False)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    active = es.effective_masks(model, {"0.weight": torch.tensor([[False, True], [False, False]])}, (2,))
    assert not active["0.weight"].any()  # a path needs it twice in a row
    active = es.effective_masks(model, {"0.weight": torch.tensor([[True, True], [False, False]])}, (2,))
    assert active["0.weight"].tolist() == [[True, True], [False, False]]


def test_tied_parameters_count_once_and_answer_to_their_first_name():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    assert list(Connectivity(model, (2,)).shapes) == ["0.weight"]
    with pytest.raises(UserError, match=r"'1\.weight' is the same parameter as '0\.weight'"):
        es.effective_masks(model, {"1.weight": torch.ones(2, 2).bool()}, (2,))


ARCHITECTURES = (
    "alexnet",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "convnext_tiny",
    "squeezenet1_1",
    "googlenet",
    "shufflenet_v2_x0_5",
)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_dense_networks_have_effective_sparsity_zero(name):
    model = architecture(name)
    size = 128 if name == "convnext_tiny" else 96  # smaller maps leave taps that see padding only
    connectivity = Connectivity(model, (3, size, size))
    masks = {name: torch.ones(shape, dtype=torch.bool) for name, shape in connectivity.shapes.items()}
    layers = [m for name, m in model.named_modules() if not name.startswith("aux")]
    layers = [m for m in layers if isinstance(m, (nn.Linear, nn.modules.conv._ConvNd))]
    assert sum(mask.numel() for mask in masks.values()) == sum(layer.weight.numel() for layer in layers)
    assert all(mask.all() for mask in connectivity.effective_masks(masks).values())


def architecture(name):
    arguments = {"init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(**arguments)


@pytest.mark.parametrize(
    "build",
    [
        torchvision.models.resnet18,
        torchvision.models.squeezenet1_1,
        lambda: torchvision.models.DenseNet(8, (2, 3, 2, 2), 16),
    ],
)
def test_sparse_architectures_agree_with_float64_path_sums(build):
    torch.manual_seed(0)
    model = average_pools(build()).double().eval()
    shape = (3, 32, 32)
    connectivity = Connectivity(model, shape)
    masks = {name: torch.rand(size) < 0.05 for name, size in connectivity.shapes.items()}
    active = connectivity.effective_masks(masks)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in masks:
                parameter.copy_(masks[name] * (torch.rand_like(parameter) + 0.5))
            elif name.endswith("bias"):
                parameter.zero_()
    model(torch.ones(1, *shape, dtype=torch.float64)).sum().backward()
    for name, mask in active.items():
        weight = model.get_parameter(name)
        assert torch.equal(mask, weight * weight.grad > 0), name


def average_pools(model):
    """With average for maximum pools, whose gradient follows one input only."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(module, name, pool)
    return model


def test_dense_vision_transformer_has_effective_sparsity_zero():
    model = torchvision.models.VisionTransformer(16, 8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16)
    connectivity = Connectivity(model, (3, 16, 16))
    assert len(connectivity.shapes) == 2 + 2 * 4
    masks = {name: torch.ones(shape, dtype=torch.bool) for name, shape in connectivity.shapes.items()}
    assert all(mask.all() for mask in connectivity.effective_masks(masks).values())


def test_attention_carries_paths_from_every_token_and_through_queries_and_keys():
    model = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    masks = kept(model)
    assert all(mask.all() for mask in es.effective_masks(model, masks, (3, 4)).values())
    masks["self_attn.in_proj_weight"][8:] = (
        False  # no values: queries and keys still decide what is attended to
    )
    active = es.effective_masks(model, masks, (3, 4))
    assert active["self_attn.in_proj_weight"][:8].all()
    assert active["self_attn.out_proj.weight"].all()


def test_model_is_left_exactly_as_it_was():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2)
    )
    prune.random_unstructured(model[0], "weight", 0.5)
    model.train()
    model[1].eval()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    masked = model[0].weight
    es.effective_masks(model, {"0.weight_orig": model[0].weight_mask.bool()}, (1, 4, 4))
    assert model[0].weight is masked
    assert modes == [module.training for module in model.modules()]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


@pytest.mark.parametrize("train", [True, False])
def test_mode_does_not_matter(train):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.9), nn.Linear(4, 2)).train(train)
    assert all(mask.all() for mask in es.effective_masks(model, kept(model), (3,)).values())


def test_device_of_the_model_does_not_matter():
    class Picking(nn.Module):
        def forward(self, x):
            return torch.cat([x.flip(1)[:, :2], x.mT[:, :2]], 1)

    model = nn.Sequential(
        nn.Linear(3, 3), Picking(), nn.Conv1d(4, 2, 3), nn.MultiheadAttention(1, 1).out_proj
    )
    masks = kept(model)
    on_meta = es.effective_masks(copy.deepcopy(model).to("meta"), masks, (3, 3))
    for name, mask in es.effective_masks(model, masks, (3, 3)).items():
        assert torch.equal(mask, on_meta[name])


def test_weights_without_scores_are_never_pruned():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    scores = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(es.effective_scores(model, {"0.weight": scores}, (2,))["0.weight"], scores)


@pytest.mark.parametrize(
    ("dtype", "least"),
    [(torch.float32, -torch.inf), (torch.int32, torch.iinfo(torch.int32).min), (torch.bool, False)],
)
def test_weight_on_no_path_has_the_least_score(dtype, least):
    model = nn.Conv1d(1, 1, 3, padding=1)
    effective = es.effective_scores(model, {"weight": torch.ones(1, 1, 3, dtype=dtype)}, (1, 1))
    assert effective["weight"].flatten().tolist() == [least, 1, least]


def test_numpy_arrays_come_back_as_numpy_arrays():
    effective = es.effective_scores(nn.Linear(2, 1), {"weight": np.array([[1, 2]], dtype=np.int32)}, (2,))
    assert isinstance(effective["weight"], np.ndarray)
    assert effective["weight"].dtype == np.int32


def test_results_do_not_share_memory_with_the_scores():
    scores = torch.ones(1, 2, dtype=torch.int32)
    es.effective_scores(nn.Linear(2, 1), {"weight": scores}, (2,))["weight"].zero_()
    assert scores.all()


def test_scores_that_cannot_be_overwritten_are_copied():
    scores = np.array([[-1.0, 2.0]])
    scores.flags.writeable = False
    effective = es.effective_scores(nn.Linear(2, 1), {"weight": scores}, (2,), overwrite=True)
    assert effective["weight"].tolist() == [[-1, 2]]


@pytest.mark.parametrize("dtype", [torch.int32, torch.bfloat16])
def test_scores_that_share_memory_are_not_overwritten(dtype):
    flat = torch.arange(7).to(dtype)
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    for numbers in (flat, flat.numpy()) if dtype == torch.int32 else (flat,):
        es.effective_scores(
            model,
            {"0.weight": numbers[:4].reshape(2, 2), "1.weight": numbers[4:6][None]},
            (2,),
            overwrite=True,
        )
        overlapping = {"0.weight": numbers[:4].reshape(2, 2), "1.weight": numbers[3:5][None]}
        with pytest.raises(UserError, match=r"of '0.weight' and '1.weight' share memory"):
            es.effective_scores(model, overlapping, (2,), overwrite=True)


@pytest.mark.parametrize(
    "wrap",
    [parametrizations.weight_norm, parametrizations.spectral_norm, lambda m: prune.identity(m, "weight")],
)
def test_reparametrised_weights_are_scored_by_the_parameter_behind_them(wrap):
    model = nn.Sequential(wrap(nn.Linear(3, 2)), nn.Linear(2, 1))
    name, shape = next(item for item in Connectivity(model, (3,)).shapes.items() if item[1] == (2, 3))
    mask = torch.tensor([[True, False, True], [False, True, False]])
    assert torch.equal(es.effective_masks(model, {name: mask}, (3,))[name], mask), (name, shape)


def test_mixed_parameters_are_refused():
    class LowRank(nn.Linear):
        def __init__(self):
            super().__init__(2, 2, bias=False)
            self.delta = nn.Parameter(torch.zeros(2, 2))

        def forward(self, x):
            return nn.functional.linear(x, self.weight + self.delta)

    with pytest.raises(UserError, match="'weight' reaches its layer through add"):
        es.effective_masks(LowRank(), {"weight": torch.ones(2, 2).bool()}, (2,))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"1.weight": torch.ones(2, 2)}, "no parameter '1.weight'; its weights are 0.weight"),
        ({"0.bias": torch.ones(2)}, "'0.bias' is not the weight of a linear or convolution operation"),
        ({"0.weight": torch.ones(4)}, r"shape \(4,\); give one number per weight, shape \(2, 2\)"),
        ({"0.weight": torch.full((2, 2), torch.nan)}, "'0.weight' hold NaN"),
        ({"0.weight": torch.ones(2, 2, dtype=torch.complex64)}, "dtype torch.complex64"),
        ({}, "no scores were given"),
        (None, "scores and masks are dicts from parameter name to tensor, not NoneType"),
        ({"0.weight": "large"}, "'0.weight' is str; give a tensor or a NumPy array"),
    ],
)
def test_bad_scores_are_refused_with_the_cure(scores, message):
    with pytest.raises(UserError, match=message):
        es.effective_scores(nn.Sequential(nn.Linear(2, 2)), scores, (2,))


def test_mixed_dtypes_are_refused():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    scores = {"0.weight": torch.ones(2, 2), "1.weight": torch.ones(2, 2).double()}
    with pytest.raises(UserError, match=r"dtypes torch\.float32, torch\.float64; use one"):
        es.effective_scores(model, scores, (2,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16])
def test_masks_of_zeros_and_ones_are_masks(dtype):
    mask = torch.tensor([[1, 0], [0, 1]])
    active = es.effective_masks(nn.Linear(2, 2), {"weight": mask.to(dtype)}, (2,))
    assert torch.equal(active["weight"], mask.bool())


def test_masks_of_other_numbers_are_refused():
    with pytest.raises(UserError, match="'weight' holds numbers other than 0 and 1; give 1 or True where"):
        es.effective_masks(nn.Linear(2, 2), {"weight": torch.full((2, 2), 0.5)}, (2,))


@pytest.mark.parametrize(
    ("name", "n_paths"),
    [
        ("lenet-300-100", 784 * 300 * 100 * 10),
        # Backwards from the 5 x 5 positions of the second pool: windows of 2 x 2, kernels of 5 x 5.
        ("lenet-5", 5 * 5 * 16 * 4 * (6 * 25) * 4 * (3 * 25) * 120 * 84 * 10),
    ],
)
def test_a_dense_network_has_the_paths_that_its_shape_tells(name, n_paths):
    network = NETWORKS[name]
    connectivity = es.Connectivity(network.build(), network.input_shape)
    assert connectivity.log10_paths(connectivity.masks()) == pytest.approx(math.log10(n_paths), abs=1e-12)


def test_more_paths_than_a_number_holds_are_refused():
    model = nn.Sequential(*(nn.Linear(10, 10) for _ in range(310)))
    with pytest.raises(UserError, match="more than 1e308 paths"):
        es.Connectivity(model, (10,)).log10_paths({"0.weight": np.ones((10, 10), bool)})


def test_flops_are_those_of_known_masks():
    connectivity = Connectivity(nn.Linear(2, 2), (2,))
    assert connectivity.flops({"weight": torch.tensor([[True, False], [True, True]])}) == {"weight": 6}
    with pytest.raises(UserError, match=r"no parameter 'fc\.weight'; its weights are weight"):
        connectivity.flops({"fc.weight": torch.ones(2, 2, dtype=torch.bool)})
    with pytest.raises(UserError, match="other than 0 and 1"):
        connectivity.flops({"weight": torch.full((2, 2), 2)})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet18", "the model is str; give a torch.nn.Module"),
        (nn.Linear, "the model is type; give a torch.nn.Module"),
        ({"weight": torch.ones(2, 2)}, "the model is dict; give a torch.nn.Module"),
        (nn.LazyLinear(3), "lazy layers without weights; run it once"),
        (nn.ReLU(), "no linear or convolution operation, so there is nothing to prune"),
        (nn.Sequential(), "no linear or convolution operation, so there is nothing to prune"),
    ],
)
def test_what_is_no_model_or_has_no_weights_is_refused(model, message):
    with pytest.raises(UserError, match=message):
        es.effective_scores(model, {"weight": torch.ones(2, 2)}, (2,))


@pytest.mark.parametrize("shape", [2, "2", (2.0,), (-2,), None])
def test_what_is_no_input_shape_is_refused(shape):
    with pytest.raises(
        UserError, match="is not a shape; give the sizes of one sample without the batch"
    ) as error:
        Connectivity(nn.Linear(2, 2), shape)
    assert "\n" not in str(error.value)


def test_input_shape_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match=r"does not run on an input of shape \(1, 3\)"):
        Connectivity(nn.Linear(2, 2), (3,))


def test_part_without_elements_carries_nothing():
    class Slice(nn.Module):
        def forward(self, x):
            return torch.cat([x, 2 * x[:, 5:]], 1)

    active = es.effective_masks(nn.Sequential(nn.Linear(2, 2), Slice()), {"0.weight": torch.eye(2)}, (2,))
    assert torch.equal(active["0.weight"], torch.eye(2).bool())


def test_output_that_ignores_the_input_is_refused():
    class Constant(nn.Linear):
        def forward(self, x):
            return self.weight

    with pytest.raises(UserError, match="no output of the model depends on its input"):
        Connectivity(Constant(2, 2), (2,))
