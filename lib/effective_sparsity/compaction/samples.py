"""What compaction takes of the many ways to call a model, and of the many names of its weights."""

import torch
from torch import Tensor, nn

from effective_sparsity.connectivity.inputs import arguments_of
from effective_sparsity.connectivity.models import public_names
from effective_sparsity.errors import UserError


def sample_shape(inputs) -> tuple[int, ...]:
    """The shape of one sample, without the batch.

    Args:
        inputs: that shape, or an example of a model's only input, with a batch.

    Raises:
        UserError: there are several inputs, named ones, or one that holds no floating point numbers.
    """
    arguments = arguments_of(inputs, (), torch.float64)
    example = arguments.args[0] if len(arguments.args) == 1 and not arguments.kwargs else None
    if not isinstance(example, Tensor):
        raise UserError("compaction takes models of one input; give its shape without the batch")
    if not (example.is_floating_point() and example.ndim):
        raise UserError("compaction takes models of floating point inputs; this input holds other values")
    return tuple(example.shape[1:])


def plain_names(given_model: nn.Module, model: nn.Module) -> dict[str, str]:
    """Name of each parameter in a wrapped model and in the model itself -> its name in a plain copy."""
    names = public_names(model)
    plain = {parameter: names[name] for name, parameter in model.named_parameters()}
    wrapped = {
        name: plain[parameter] for name, parameter in given_model.named_parameters() if parameter in plain
    }
    return wrapped | names
