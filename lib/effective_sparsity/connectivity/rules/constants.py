"""What stays known of tensors that do not depend on the input: which parameter their elements come from."""

import torch
from torch import Tensor

from effective_sparsity.connectivity.calls import Call, call_by_name, on_cpu
from effective_sparsity.connectivity.parameters import Arrangement, Entangled
from effective_sparsity.connectivity.rules.elementwise import CONTENT_FREE, TRANSPARENT
from effective_sparsity.connectivity.rules.moves import MOVES


def origin(call: Call, index: int) -> Arrangement | Entangled | None:
    """Where the elements of a result come from that was computed from parameters and constants alone."""
    origins = [(value, value.origin) for value in call.values() if value.origin is not None]
    if not origins or call.name in CONTENT_FREE or not call.results[index].dtype.is_floating_point:
        return None  # comparisons and indices of parameters are structure: they select weights
    mixed_before = [origin.operation for _, origin in origins if isinstance(origin, Entangled)]
    parameters = frozenset().union(*(origin.parameters for _, origin in origins))
    mixed = Entangled(parameters, mixed_before[0] if mixed_before else call.name)
    same = [origin for value, origin in origins if value.shape == tuple(call.results[index].shape)]
    pointwise = torch.Tag.pointwise in call.operation.tags or call.name in TRANSPARENT
    if pointwise and len(same) == 1 and index == 0:
        return same[0] if isinstance(same[0], Arrangement) else mixed
    moved = call.name.removesuffix("_copy") in MOVES[("self",)]
    if moved and len(origins) == 1 and isinstance(origins[0][1], Arrangement):
        return origins[0][1].then(_repeat(call, index))
    return mixed


def _repeat(call: Call, index: int):
    """The call as a function of the tensor that it moves."""
    operation, arguments = call.operation, on_cpu(call.tensors | {"self": None})

    def move(tensor: Tensor) -> Tensor:
        result = call_by_name(operation, arguments | {"self": tensor})
        return result[index] if isinstance(result, (list, tuple)) else result

    return move
