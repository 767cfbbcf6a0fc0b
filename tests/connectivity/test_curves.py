import numpy as np
import pytest
import torch
from torch import nn

import effective_sparsity as es
from effective_sparsity.connectivity.curves import total_order
from effective_sparsity.errors import UserError


def network():
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4))


@pytest.mark.parametrize("levels", [3, 10**6])
def test_curve_counts_the_weights_of_every_subnetwork(levels):
    torch.manual_seed(levels)
    model = network()
    scores = {name: torch.randint(levels, p.shape) for name, p in model.named_parameters() if p.ndim > 1}
    compressions = [1, 1.5, 2, 4, 7.2, 20, 72, 1000]
    curve = es.compression_curve(model, scores, (8,), compressions)
    flat = torch.cat([score.flatten() for score in scores.values()]).numpy()
    best_first = np.lexsort((np.arange(len(flat)), -flat))
    for row, compression in zip(curve.itertuples(), compressions, strict=True):
        mask = np.zeros(len(flat), dtype=bool)
        mask[best_first[: int(72 / compression + 0.5)]] = True
        masks = {
            "0.weight": torch.tensor(mask[:48].reshape(6, 8)),
            "2.weight": torch.tensor(mask[48:].reshape(4, 6)),
        }
        n_active = sum(int(active.sum()) for active in es.effective_masks(model, masks, (8,)).values())
        assert (row.compression, row.n_kept, row.n_active) == (compression, mask.sum(), n_active)
        assert row.direct_compression == (72 / mask.sum() if mask.any() else np.inf)
        assert row.effective_compression == (72 / n_active if n_active else np.inf)


def test_earlier_weights_are_kept_first_among_equals():
    order = total_order({"a": np.array([0.5, 0.5]), "b": np.array([[0.9, 0.5]])})
    assert order["a"].tolist() == [3, 2]
    assert order["b"].tolist() == [[4, 1]]


@pytest.mark.parametrize("compression", [0.5, -1, float("nan")])
def test_compression_below_one_is_refused(compression):
    scores = {"0.weight": torch.rand(6, 8)}
    with pytest.raises(UserError, match="at least 1"):
        es.compression_curve(network(), scores, (8,), [compression])


@pytest.mark.parametrize("compressions", [10, None, ["ten"], [None]])
def test_compressions_that_are_no_numbers_are_refused(compressions):
    with pytest.raises(UserError, match="; give a list of numbers"):
        es.compression_curve(network(), {"0.weight": torch.rand(6, 8)}, (8,), compressions)
