import numpy as np

from effective_sparsity.connectivity.vectors import flatten, unflatten


def test_flat_vectors_regain_their_shapes():
    layers = {"a": np.arange(6).reshape(2, 3), "b": np.arange(4).reshape(4, 1)}
    back = unflatten(flatten(layers), layers)
    assert all(np.array_equal(back[name], layers[name]) for name in layers)
