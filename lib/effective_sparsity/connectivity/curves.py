"""Direct against effective compression of a whole ranking."""

from collections.abc import Mapping, Sequence
from math import floor
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from effective_sparsity.connectivity.network import Connectivity
from effective_sparsity.connectivity.orders import Order
from effective_sparsity.errors import UserError

if TYPE_CHECKING:
    import pandas


def compression_curve(
    model: nn.Module,
    scores: Mapping[str, Tensor | np.ndarray],
    input_shape: Sequence[int],
    compressions: Sequence[float],
) -> "pandas.DataFrame":
    """Kept and active weights of the subnetworks of a ranking.

    The subnetwork at compression c keeps the N / c weights (rounded half up) of largest score, N being the
    number of weights that have a score. Of equal scores the earlier weight goes first: in the order of the
    dict, then in flat order.

    Args:
        model, scores, input_shape: as for :func:`effective_sparsity.effective_scores`.
        compressions: target compressions, at least 1.

    Returns:
        One row per compression, in the order given: compression, n_kept, n_active, direct_compression
        (N / n_kept)
        and effective_compression (N / n_active; infinite where nothing is active).

    Raises:
        UserError: as for :func:`effective_sparsity.effective_scores`, and compressions below 1.
    """
    import pandas  # here, because most of those who need connectivity need no tables

    compressions = [float(c) for c in compressions]
    if bad := [c for c in compressions if not c >= 1]:
        raise UserError(f"compression {bad[0]} is impossible; give compressions of at least 1")
    connectivity = Connectivity(model, input_shape)
    connectivity.check(scores)
    ranks = total_order({name: torch.as_tensor(score).detach().cpu() for name, score in scores.items()})
    n = sum(rank.numel() for rank in ranks.values())
    effective = torch.cat([e.flatten() for e in connectivity.effective_scores(ranks).values()]).sort().values
    kept = torch.tensor([floor(n / c + 0.5) for c in compressions])
    active = n - torch.searchsorted(effective, (n - kept + 1).to(effective.dtype))
    curve = pandas.DataFrame(
        {"compression": compressions, "n_kept": kept.numpy(), "n_active": active.numpy()}
    )
    curve["direct_compression"] = n / curve["n_kept"]  # a division by zero is infinite
    curve["effective_compression"] = n / curve["n_active"]
    return curve


def total_order(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Priorities 1 to N, ascending with the score; of equal scores the earlier weight has the higher one."""
    flat = torch.cat([Order.of(score.dtype).encode(score).flatten() for score in scores.values()])
    dtype = torch.int32 if flat.numel() < torch.iinfo(torch.int32).max else torch.int64
    ascending = flat.flip(0).argsort(stable=True)
    priorities = torch.empty(flat.numel(), dtype=dtype)
    priorities[ascending] = torch.arange(1, flat.numel() + 1, dtype=dtype)
    parts = priorities.flip(0).split([score.numel() for score in scores.values()])
    return {name: part.view(score.shape) for (name, score), part in zip(scores.items(), parts, strict=True)}
