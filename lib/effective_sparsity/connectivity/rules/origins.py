"""What stays known of tensors that do not depend on the input: which parameter their elements come from."""

import torch

from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.constants import Entangled, Origin, moved, parameters_in
from effective_sparsity.connectivity.graph import Operand
from effective_sparsity.connectivity.rules.elementwise import CONTENT_FREE, TRANSPARENT
from effective_sparsity.connectivity.rules.moves import MOVES


def origin(call: Call, index: int) -> Origin:
    """Where the elements of a result come from that was computed from parameters and constants alone."""
    sources = [value for value in call.values() if value.origin is not None]
    if not sources or call.name in CONTENT_FREE or not call.results[index].dtype.is_floating_point:
        return None  # comparisons and indices of parameters are structure: they select weights
    if torch.Tag.pointwise in call.operation.tags or call.name in TRANSPARENT:
        same = [value for value in sources if value.shape == tuple(call.results[index].shape)]
        if len(same) == 1 and index == 0 and isinstance(same[0].origin, Operand):
            return same[0].origin
    elif call.name.removesuffix("_copy") in MOVES[("self",)] and len(sources) == 1:
        source = sources[0].origin
        if isinstance(source, Operand):
            return moved(source, lambda tensor: call.again({"self": tensor})[index])
    before = [value.origin for value in sources if isinstance(value.origin, Entangled)]
    parameters = frozenset().union(*(parameters_in(value.origin) for value in sources))
    return Entangled(parameters, before[0].operation if before else call.name)
