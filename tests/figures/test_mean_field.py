import numpy as np
import pytest

from effective_sparsity.figures.mean_field import mean_field
from effective_sparsity.pruning.mean_field import expected_effective_compression


def test_the_prediction_follows_from_the_densities_and_the_widths_of_the_layers(tables):
    layers = tables["layers"]
    here = (
        (layers.pruner == "random-igq") & (layers.target_compression == 100) & (layers.criterion == "direct")
    )
    rows = layers[here & (layers.seed == 0)]
    _, data = mean_field(tables)
    (point,) = data.query("pruner == 'random-igq' and target_compression == 100").itertuples()
    densities = list(rows.n_kept / rows.n_weights)
    assert point.predicted == pytest.approx(expected_effective_compression((784, 300, 100, 10), densities))


def test_the_measurement_is_that_of_direct_pruning(tables):
    _, data = mean_field(tables)
    (point,) = data.query("pruner == 'random-erk' and target_compression == 100").itertuples()
    rows = tables["subnetworks"].query(
        "pruner == 'random-erk' and target_compression == 100 and criterion == 'direct'"
    )
    assert point.measured == pytest.approx(rows.effective_compression.median())
    assert point.direct_compression == pytest.approx(rows.direct_compression.median())


def test_lines_are_predictions_and_markers_are_measurements(tables, drawn):
    figure, data = mean_field(tables)
    rows = data[data.pruner == "random-uniform"]
    x, y = drawn(figure, "random-uniform predicted")
    assert (x, y) == (rows.direct_compression.tolist()[: len(x)], rows.predicted.tolist()[: len(y)])
    assert np.isinf(rows.measured).any()  # which is not drawn


def test_only_random_pruning_of_fully_connected_networks_is_predicted(five_networks):
    _, data = mean_field(five_networks)
    assert set(data.architecture) == {"lenet-300-100"}
    assert all(pruner.startswith("random-") for pruner in data.pruner)
