"""Several networks of one architecture as one model, whose tensors have the networks as first dimension.

A small network leaves a GPU idle: starting its operations takes longer than they do. `torch.func.vmap` runs
all networks of a stack in the operations of one. They meet nowhere: a matrix product becomes a batch of
products, a convolution has groups, and batch norm updates the statistics of each in its row.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.func import functional_call, vmap


def stack_in_place(model: nn.Module, networks: int) -> nn.Module:
    """`model` with every parameter and buffer repeated along a new first dimension; names stay."""
    for tensor in [*model.parameters(), *model.buffers()]:
        tensor.data = tensor.data.expand(networks, *tensor.shape).clone()
    return model


def of_stack(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """The function from images (B, C, H, W) to the logits (networks, B, classes) of a stacked model."""

    def one(tensors, images):
        return functional_call(model, tensors, (images,))

    def forward(images):
        tensors = dict(model.named_parameters()) | dict(model.named_buffers())
        return vmap(one, in_dims=(0, None))(tensors, images)

    return forward


def of_one(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """As `of_stack`, for a model that is not stacked."""
    return lambda images: model(images)[None]
