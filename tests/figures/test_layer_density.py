import pytest

from effective_sparsity.figures.layer_density import layer_density


def test_lines_are_the_points_of_the_data(tables, drawn):
    tables["layers"] = tables["layers"].query("target_compression == 10")
    figure, data = layer_density(tables)
    points = data.query("pruner == 'random-igq'")
    for weights in ("kept", "active"):
        assert drawn(figure, f"random-igq {weights}") == ([1, 2, 3], points[weights].tolist())


def test_densities_are_means_over_seeds(tables):
    _, data = layer_density(tables)
    rows = tables["layers"].query(
        "pruner == 'lamp' and criterion == 'direct' and layer == 'fc2.weight' and target_compression == 100"
    )
    (point,) = data.query(
        "pruner == 'lamp' and layer == 'fc2.weight' and target_compression == 100"
    ).itertuples()
    assert point.kept == pytest.approx(rows.n_kept.mean() / 30_000)
    assert point.active == pytest.approx(rows.n_active.mean() / 30_000)
    assert point.seeds == 3


def test_layers_stay_in_model_order(five_networks):
    _, data = layer_density(five_networks)
    layers = data.query("architecture == 'vgg-16' and pruner == 'lamp' and target_compression == 100").layer
    assert layers.tolist()[:3] == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert len(layers) == 15


def test_one_pruner_stands_for_each_set_of_quotas(tables):
    _, data = layer_density(tables)
    assert not {"magnitude-igq", "snip"} & set(data.pruner)
