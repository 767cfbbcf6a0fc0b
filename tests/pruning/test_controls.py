"""Controls of the choice of pixels, against slow versions of their definitions."""

from dataclasses import replace

import numpy as np
import pytest

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.errors import UserError
from effective_sparsity.pruning import controls, gradients, npb, ntk_sap, orders, phew
from effective_sparsity.pruning.orders import at_random
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.pruning.ranking import Priorities
from effective_sparsity.pruning.ranking_file import ONE_SHOT, save_rankings
from effective_sparsity.pruning.rankings import Rankings
from effective_sparsity.storage import save_tensors
from effective_sparsity.training import batches

CONTROLS = [name for name, pruner in PRUNERS.items() if pruner.control]
RANDOM = [name for name in CONTROLS if name.startswith("random")]
PERMUTED = ["snip-permuted-pixels", "snip-permuted-own-pixels"]
FIRST, SECOND, THIRD = "fc1.weight", "fc2.weight", "fc3.weight"
N = 266_200


@pytest.fixture(scope="module")
def connectivity(inputs):
    return Connectivity(inputs.model(), inputs.network.input_shape)


@pytest.fixture(scope="module")
def snip(inputs):
    """SNIP's priorities on images whose border never changes."""
    images = inputs.dataset.train_images.copy()
    images[:, :, :4] = images[:, :, :, 22:] = 0
    dataset = vars(inputs.dataset) | {"train_images": images}
    return PRUNERS["snip"].priorities(replace(inputs, dataset=type(inputs.dataset)(**dataset)))


@pytest.fixture(scope="module")
def priorities_of(inputs, snip, connectivity):
    """Priorities of a control at a compression, perhaps with other inputs."""

    def priorities(name, compression, **more):
        given = {"borrowed": snip, "connectivity": connectivity, "compression": compression} | more
        return PRUNERS[name].priorities(replace(inputs, **given))

    return priorities


def walked(kept):
    """Active weights of kept ones, unit by unit."""
    first, second, third = (kept[name] for name in (FIRST, SECOND, THIRD))
    into_1 = [any(row) for row in first]
    into_2 = [any(second[j, i] and into_1[i] for i in range(300)) for j in range(100)]
    beyond_2 = [any(third[:, j]) for j in range(100)]
    beyond_1 = [any(second[j, i] and beyond_2[j] for j in range(100)) for i in range(300)]
    return {
        FIRST: first & np.array(beyond_1)[:, None],
        SECOND: second & np.outer(beyond_2, into_1),
        THIRD: third & np.array(into_2),
    }


@pytest.fixture(scope="module")
def snip_pixels(snip):
    """SNIP's pixels at a compression: the largest threshold with enough active weights, by bisection."""

    def pixels(compression):
        fewest, most = 0, N
        while most - fewest > 1:
            middle = (fewest + most) // 2
            active = walked({name: layer > N - middle for name, layer in snip.layers.items()})
            if flatten(active).sum() >= round(N / compression):
                most = middle
            else:
                fewest = middle
        active = walked({name: layer > N - most for name, layer in snip.layers.items()})
        return {pixel for pixel in range(784) if any(active[FIRST][:, pixel])}

    return pixels


def slow_igq(pixels, seed, weights, n_kept):
    """Masks of IGQ at a count of kept weights: one weight after another, from the layer that yields it."""
    ranks = at_random(weights, seed)
    allowed = {FIRST: [(i, j) for i in range(300) for j in sorted(pixels)]}
    allowed |= {name: list(np.ndindex(weights[name].shape)) for name in (SECOND, THIRD)}
    queues = {name: sorted(places, key=lambda p: ranks[name][p]) for name, places in allowed.items()}
    kept = {name: np.zeros(weight.shape, bool) for name, weight in weights.items()}
    taken = dict.fromkeys(weights, 0)
    for _ in range(n_kept):
        force = {name: 1 / (taken[name] + 1) - 1 / len(queues[name]) for name in weights}
        name = max(weights, key=lambda name: force[name])
        kept[name][queues[name][taken[name]]] = True
        taken[name] += 1
    return kept


def expected_pixels(name, compression, snip_pixels, inputs):
    match name:
        case "random-igq-snip-pixels":
            return snip_pixels(compression)
        case "random-igq-random-pixels":
            drawn = np.random.default_rng([inputs.seed, 5]).permutation(784)
            n_pixels = len(snip_pixels(compression))
            return {pixel for pixel in range(784) if drawn[pixel] < n_pixels}
        case "random-igq-varying-pixels":
            columns = inputs.dataset.train_images.reshape(-1, 784).astype(float).T
            deviations = [float(np.sqrt(np.mean((column - column.mean()) ** 2))) for column in columns]
            median = (sorted(deviations)[391] + sorted(deviations)[392]) / 2
            return {pixel for pixel in range(784) if deviations[pixel] > median}


@pytest.mark.parametrize("compression", [100.0, 1000.0])
@pytest.mark.parametrize("name", RANDOM)
def test_random_controls_keep_the_quotas_of_a_network_with_these_pixels(
    name, compression, priorities_of, snip_pixels, inputs
):
    pixels = expected_pixels(name, compression, snip_pixels, inputs)
    priorities = priorities_of(name, compression)
    assert (priorities.floor, priorities.ceiling) == (0, N - 300 * (784 - len(pixels)))
    for n_kept in (266, 2662, 5000):
        expected = slow_igq(pixels, inputs.seed, inputs.weights, n_kept)
        for layer, priority in priorities.layers.items():
            assert np.array_equal(priority > N - n_kept, expected[layer]), (layer, n_kept)


def test_snip_s_pixels_are_some_of_those_that_vary_and_fewer_at_higher_compressions(snip_pixels):
    few, more = snip_pixels(1000.0), snip_pixels(100.0)
    assert 0 < len(few) < len(more) < 784
    inside = {28 * row + column for row in range(4, 28) for column in range(22)}
    assert few | more <= inside


def test_random_pixels_of_a_higher_compression_are_some_of_a_lower_one(priorities_of):
    drawn = [priorities_of("random-igq-random-pixels", compression) for compression in (1000.0, 100.0)]
    few, more = ((drawing.layers[FIRST] > N - drawing.ceiling).all(0) for drawing in drawn)
    assert few.sum() < more.sum()
    assert not (few & ~more).any()


def test_igq_on_all_pixels_is_igq(inputs, priorities_of, monkeypatch):
    monkeypatch.setattr("effective_sparsity.pruning.controls._active_pixels", lambda _: np.ones(784, bool))
    found, expected = priorities_of("random-igq-snip-pixels", 10.0), PRUNERS["random-igq"].priorities(inputs)
    assert np.array_equal(flatten(found.layers), flatten(expected.layers))


@pytest.mark.parametrize("compression", [100.0, 1000.0])
@pytest.mark.parametrize("name", PERMUTED)
def test_permuted_controls_move_whole_pixels_and_nothing_else(
    name, compression, priorities_of, snip, snip_pixels
):
    layers = priorities_of(name, compression).layers
    assert all(np.array_equal(layers[other], snip.layers[other]) for other in (SECOND, THIRD))
    from_column = {snip.layers[FIRST][:, pixel].tobytes(): pixel for pixel in range(784)}
    origin = [from_column[layers[FIRST][:, pixel].tobytes()] for pixel in range(784)]
    assert sorted(origin) == list(range(784))
    moved = {pixel for pixel in range(784) if origin[pixel] != pixel}
    if name == "snip-permuted-own-pixels":
        own = snip_pixels(compression)
        assert moved <= own
        assert {origin[pixel] for pixel in own} == own
        assert len(moved) > len(own) - 10
    else:
        assert len(moved) > 774


@pytest.mark.parametrize("name", PERMUTED)
def test_permuting_pixels_changes_no_count(name, priorities_of, snip, connectivity):
    before, after = snip.ranking(connectivity), priorities_of(name, 300.0).ranking(connectivity)
    for criterion in ("direct", "effective"):
        threshold = before.threshold(criterion, 300.0)
        assert after.threshold(criterion, 300.0) == threshold
        for layer, active in before.active(threshold).items():
            assert after.active(threshold)[layer].sum(1).tolist() == active.sum(1).tolist()


@pytest.mark.parametrize("name", CONTROLS)
def test_the_seed_decides(name, priorities_of):
    first, again, other = (flatten(priorities_of(name, 500.0, seed=seed).layers) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_two_random_streams_of_a_seed_are_the_same():
    streams = [
        orders._RANDOM_ORDER,
        gradients._SAMPLES,
        ntk_sap._NOISE,
        phew._WALKS,
        npb._CHOICES,
        batches._ORDER,
        batches._AUGMENTATION,
        controls._RANDOM_PIXELS,
        controls._PERMUTATION,
        controls._OWN_PERMUTATION,
    ]
    assert len(set(streams)) == len(streams)


@pytest.mark.parametrize("name", CONTROLS)
def test_networks_that_start_with_a_convolution_are_refused(name, convolutional_inputs):
    model = convolutional_inputs.model()
    borrowed = Priorities.of(convolutional_inputs.weights)
    connectivity = Connectivity(model, convolutional_inputs.network.input_shape)
    inputs = replace(convolutional_inputs, borrowed=borrowed, connectivity=connectivity)
    with pytest.raises(UserError, match=r"conv1.weight of shape \(6, 3, 5, 5\) is a convolution"):
        PRUNERS[name].priorities(inputs)


def test_a_subnetwork_without_weights_has_no_pixels(priorities_of):
    with pytest.raises(UserError, match="no weight is active at effective compression 1e\\+06"):
        priorities_of("random-igq-snip-pixels", 1e6)


def test_images_of_another_size_are_refused(inputs, convolutional_inputs):
    with pytest.raises(UserError, match=r"images of 3072 pixels do not fit fc1.weight"):
        PRUNERS["random-igq-varying-pixels"].priorities(replace(inputs, dataset=convolutional_inputs.dataset))


@pytest.mark.parametrize("name", ["random-igq-snip-pixels", "snip-permuted-pixels"])
def test_studies_make_the_controls_anew_from_snip_s_file(
    name, inputs, snip, connectivity, priorities_of, tmp_path
):
    connectivity.save(tmp_path / "connectivity")
    save_tensors(tmp_path / "initial", inputs.initial, prunable=inputs.prunable, classes=10)
    save_rankings(tmp_path / "snip", [ONE_SHOT], [snip])
    files = {file: tmp_path / file for file in ("connectivity", "initial", "snip")}
    rankings = Rankings(name, "lenet-300-100", inputs.seed, files)
    levels = ["100", "1000"]
    assert rankings.distinct(levels) == ([ONE_SHOT] if name == "snip-permuted-pixels" else levels)
    for level in levels:
        expected = priorities_of(name, float(level))
        assert np.array_equal(flatten(rankings[level].priority), flatten(expected.layers))
