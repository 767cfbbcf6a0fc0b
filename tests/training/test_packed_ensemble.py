import numpy as np
import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.training.packed_ensemble import Ensemble, layer_widths

WIDTHS = (6, 4, 3, 2)


@pytest.fixture
def initial(perceptron, state_of):
    return state_of(perceptron(WIDTHS))


def test_widths_are_read_off_the_state(initial):
    assert layer_widths(initial) == list(WIDTHS)


def test_only_units_with_weights_and_the_logits_are_stored(initial):
    masks = {name: np.zeros(initial[name].shape, bool) for name in ("fc1.weight", "fc2.weight", "fc3.weight")}
    masks["fc1.weight"][2, 5] = masks["fc2.weight"][1, 2] = masks["fc3.weight"][0, 1] = True
    ensemble = Ensemble(initial, [masks, {name: np.zeros_like(mask) for name, mask in masks.items()}])
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
    state = Ensemble(initial, [masks]).state(0, steps=0)
    assert state.keys() == initial.keys()
    for name, array in initial.items():
        np.testing.assert_allclose(state[name], array * masks.get(name, 1), atol=1e-7, err_msg=name)


def test_the_initial_state_is_not_touched(initial):
    before = {name: array.copy() for name, array in initial.items()}
    ensemble = Ensemble(initial, [{}])
    for arrays in (ensemble.parameters, ensemble.statistics):
        for array in arrays:
            array += 1
    ensemble.state(0, steps=5)
    for name, array in before.items():
        np.testing.assert_array_equal(initial[name], array)


def without(name):
    return lambda state: {key: array for key, array in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {}, "no layer fc1"),
        (without("bn2.weight"), "bn2.weight.*missing"),
        (without("fc2.weight"), "fc3.weight|fc2.weight"),
        (lambda state: state | {"conv.weight": np.zeros((2, 2))}, "conv.weight.*unknown"),
        (lambda state: state | {"fc2.weight": np.zeros((3, 5), np.float32)}, "fc2.weight"),
        (lambda state: state | {"fc2.weight": np.zeros((3, 4, 1, 1), np.float32)}, "fc2.weight"),
        (lambda state: state | {"bn1.bias": np.zeros(5, np.float32)}, "bn1.bias"),
        (lambda state: state | {"bn1.bias": np.zeros(4)}, "bn1.bias.*float64"),
    ],
)
def test_another_kind_of_network_is_refused_by_name(initial, change, message):
    with pytest.raises(UserError, match=message):
        Ensemble(change(initial), [{}])


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
        Ensemble(initial, [masks])
