"""Direct against effective compression of a whole ranking."""

from collections.abc import Mapping, Sequence
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from effective_sparsity.connectivity.network import Connectivity
from effective_sparsity.connectivity.tensors import as_array, given, keys_of
from effective_sparsity.connectivity.vectors import flatten, stable_argsort, unflatten
from effective_sparsity.errors import UserError

if TYPE_CHECKING:
    import pandas
    from torch import nn

    from effective_sparsity.connectivity.tensors import Given


def compression_curve(
    model: "nn.Module",
    scores: "Mapping[str, Given]",
    inputs,
    compressions: Sequence[float],
) -> "pandas.DataFrame":
    """Kept and active weights of the subnetworks of a ranking.

    The subnetwork at compression c keeps the N / c weights (rounded half up) of largest score, N being the
    number of weights that have a score. Of equal scores the earlier weight goes first: in the order of the
    dict, then in flat order.

    Args:
        model, scores, inputs: as for `effective_sparsity.effective_scores`.
        compressions: target compressions, at least 1.

    Returns:
        One row per compression, in the order given: compression, n_kept, n_active, direct_compression
        (N / n_kept) and effective_compression (N / n_active; infinite where nothing is active).

    Raises:
        UserError: as for `effective_sparsity.effective_scores`, and compressions below 1.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
        >>> scores = {"0.weight": torch.tensor([[5, 1], [2, 7]]), "2.weight": torch.tensor([[3, 6]])}
        >>> curve = compression_curve(model, scores, inputs=(2,), compressions=[2, 6])
        >>> curve[["compression", "n_kept", "n_active"]].to_dict("records")
        [{'compression': 2.0, 'n_kept': 3, 'n_active': 2}, {'compression': 6.0, 'n_kept': 1, 'n_active': 0}]
    """
    import pandas  # here, because most of those who need connectivity need no tables

    try:
        compressions = [float(c) for c in compressions]
    except (TypeError, ValueError):
        raise UserError(f"compressions are {compressions!r}; give a list of numbers") from None
    if bad := [c for c in compressions if not c >= 1]:
        raise UserError(f"compression {bad[0]} is impossible; give compressions of at least 1")
    connectivity = Connectivity(model, inputs)
    scores = given(scores)
    order = connectivity.check(scores)
    ranks = total_order({name: keys_of(score, order) for name, score in scores.items()})
    n = sum(rank.size for rank in ranks.values())
    effective_ranks = connectivity.effective_scores(ranks, overwrite=True)
    effective = np.sort(flatten({name: as_array(rank) for name, rank in effective_ranks.items()}))
    kept = np.array([n_at_compression(n, c) for c in compressions], int)
    active = n - np.searchsorted(effective, (n - kept + 1).astype(effective.dtype))
    curve = pandas.DataFrame({"compression": compressions, "n_kept": kept, "n_active": active})
    curve["direct_compression"] = n / curve["n_kept"]  # a division by zero is infinite
    curve["effective_compression"] = n / curve["n_active"]
    return curve


def total_order(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Priorities 1 to N, ascending with the score; of equal scores the earlier weight has the higher one."""
    flat = flatten(scores)
    dtype = np.int32 if flat.size < np.iinfo(np.int32).max else np.int64
    ascending = flat.size - 1 - stable_argsort(flat[::-1])
    priorities = np.empty(flat.size, dtype)
    priorities[ascending] = np.arange(1, flat.size + 1, dtype=dtype)
    return unflatten(priorities, scores)


def n_at_compression(n_weights: int, compression: float) -> int:
    """Weights that are left of `n_weights` at `compression`, rounded half up."""
    return floor(n_weights / compression + 0.5)
