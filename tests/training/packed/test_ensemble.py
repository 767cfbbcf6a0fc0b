import numpy as np
import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.networks.layers import Convolution, Linear, fully_connected
from effective_sparsity.training.packed.ensemble import Ensemble

WIDTHS = (6, 4, 3, 2)


@pytest.fixture
def initial(perceptron, state_of):
    return state_of(perceptron(WIDTHS))


def ensemble_of(initial, subnetworks):
    return Ensemble(initial, subnetworks, fully_connected(4, 3), (1, 2, 3), classes=2, epsilon=1e-3)


def test_only_units_with_weights_and_the_logits_are_stored(initial):
    masks = {name: np.zeros(initial[name].shape, bool) for name in ("fc1.weight", "fc2.weight", "fc3.weight")}
    masks["fc1.weight"][2, 5] = masks["fc2.weight"][1, 2] = masks["fc3.weight"][0, 1] = True
    ensemble = ensemble_of(initial, [masks, {name: np.zeros_like(mask) for name, mask in masks.items()}])
    structure = ensemble.structure
    assert structure.first_unit.tolist() == [0, 4, 6]
    assert structure.first_layer.tolist() == [1, 0]
    # The unit in layer 1 reads input 5; that in layer 2 reads it (row 6); logit 0 reads row 7.
    assert structure.incoming.start.tolist() == [0, 1, 2, 3, 3, 3, 3]
    assert structure.incoming.unit.tolist() == [5, 6, 7]
    assert structure.outgoing.start.tolist() == [0, 1, 2, 2, 2, 2, 2]
    assert structure.outgoing.unit.tolist() == [1, 2]
    weight = ensemble.parameters.weight
    assert weight[structure.incoming.weight].tolist() == [
        initial["fc1.weight"][2, 5],
        initial["fc2.weight"][1, 2],
        initial["fc3.weight"][0, 1],
    ]
    assert weight[structure.outgoing.weight].tolist() == [
        initial["fc2.weight"][1, 2],
        initial["fc3.weight"][0, 1],
    ]


def test_without_training_the_state_is_the_masked_initial_state(initial, random_masks):
    masks = random_masks(WIDTHS, (0.3, 0.3, 0.5))
    state = ensemble_of(initial, [masks]).state(0, steps=0)
    assert state.keys() == initial.keys()
    for name, array in initial.items():
        np.testing.assert_allclose(state[name], array * masks.get(name, 1), atol=1e-7, err_msg=name)


def test_the_initial_state_is_not_touched(initial):
    before = {name: array.copy() for name, array in initial.items()}
    ensemble = ensemble_of(initial, [{}])
    for array in (*ensemble.parameters, ensemble.statistics.mean, ensemble.statistics.variance):
        array += 1
    ensemble.state(0, steps=5)
    for name, array in before.items():
        np.testing.assert_array_equal(initial[name], array)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"fc4.weight": np.ones((2, 2), bool)}, "fc4.weight"),
        ({"fc1.weight": np.ones((6, 4), bool)}, r"\(6, 4\)"),
        ({"fc1.weight": np.ones((4, 6), np.float32)}, "float32"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(initial, masks, message):
    with pytest.raises(UserError, match=message):
        ensemble_of(initial, [masks])


def test_only_channels_with_weights_are_stored():
    random = np.random.default_rng(0)
    shapes = {"conv1": (3, 2, 2, 2), "conv2": (2, 3, 1, 2), "fc": (2, 2 * 2 * 1)}
    initial = {}
    for number, (name, shape) in enumerate(shapes.items()):
        initial[f"{name}.weight"] = random.normal(size=shape).astype(np.float32)
        initial[f"{name}.bias"] = np.zeros(shape[0], np.float32)
        for entry in ("weight", "bias", "running_mean", "running_var"):
            initial[f"bn{number}.{entry}"] = np.zeros(shape[0], np.float32)
        initial[f"bn{number}.num_batches_tracked"] = np.array(0)
    layers = (
        Convolution("conv1", "bn0", 3, (2, 2)),
        Convolution("conv2", "bn1", 2, (1, 2)),
        Linear("fc", "bn2"),
    )
    masks = {f"{name}.weight": np.zeros(shape, bool) for name, shape in shapes.items()}
    masks["conv1.weight"][2, 1, 0, 1] = masks["conv2.weight"][1, 2, 0, 1] = masks["fc.weight"][0, 3] = True
    nothing = {name: np.zeros_like(mask) for name, mask in masks.items()}
    ensemble = Ensemble(initial, [nothing, masks], layers, (2, 3, 3), classes=2, epsilon=1e-3)
    first, second = ensemble.channels
    assert [channels.first.tolist() for channels in ensemble.channels] == [[0, 0, 1]] * 2
    # Logits come first in the arrays of parameters.
    assert (first.channel.tolist(), first.unit.tolist()) == ([2], [4])
    assert (second.channel.tolist(), second.unit.tolist()) == ([1], [5])
    # Images have 9 pixels in rows of 3; the outputs of the first layer 4 in rows of 2.
    assert first.incoming.unit.tolist() == [9 + 1]
    assert second.incoming.unit.tolist() == [2 * 4 + 1]
    structure = ensemble.structure
    assert (structure.inputs, structure.features, structure.first_layer.tolist()) == (4, 4, [0, 0])
    # Four features and two logits of each network.
    assert structure.outgoing.start.tolist() == [0] * 10 + [1] * 3
    assert structure.outgoing.unit.tolist() == [0]
    assert structure.incoming.unit.tolist() == [3]
    weight = ensemble.parameters.weight
    assert weight[first.incoming.weight] == initial["conv1.weight"][2, 1, 0, 1]
    assert weight[second.incoming.weight] == initial["conv2.weight"][1, 2, 0, 1]
    assert weight[structure.outgoing.weight] == initial["fc.weight"][0, 3]
    assert weight[structure.incoming.weight] == initial["fc.weight"][0, 3]
