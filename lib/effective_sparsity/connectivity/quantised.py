"""Quantised layers of torch.ao as the layers in floating point that they stand for."""

import sys
from typing import Any

from torch import nn

from effective_sparsity.errors import UserError


def replace_quantised(model: nn.Module) -> None:
    """Puts layers in floating point in the place of all quantised children, in place.

    Raises:
        UserError: a quantised layer is none of those that are known.
    """
    if "torch.ao.nn.quantized" not in sys.modules:
        return  # nobody can have made one
    _replace(model, "")


def _replace(module: nn.Module, prefix: str) -> None:
    for name, child in list(module.named_children()):
        if "quantized" in type(child).__module__.split("."):
            module._modules[name] = _in_floating_point(prefix + name, child)
        else:
            _replace(child, f"{prefix}{name}.")


def _in_floating_point(name: str, module: Any) -> nn.Module:
    import torch.ao.nn.quantized as quantized

    if isinstance(module, (quantized.Quantize, quantized.DeQuantize, quantized.Dropout)):
        return nn.Identity()
    if isinstance(module, quantized.QFunctional):
        return quantized.FloatFunctional()
    if isinstance(module, (quantized.ReLU6, quantized.Hardswish, quantized.LeakyReLU, quantized.Sigmoid)):
        return nn.Sigmoid()  # whichever: elementwise
    if isinstance(module, quantized.Linear) or type(module).__name__ == "Linear":
        return _with_weights(nn.Linear(module.in_features, module.out_features, device="meta"), module)
    # Conv2d, ConvTranspose2d, and ConvReLU2d with an activation inside: all end in their dimensions.
    transposed = "Transpose" if getattr(module, "transposed", False) else ""
    kind = getattr(nn, f"Conv{transposed}{type(module).__name__[-2:]}", None)
    if kind is None:
        raise UserError(
            f"layer {name} ({type(module).__name__}) is quantised; give the model in floating point"
        )
    layer = kind(
        module.in_channels,
        module.out_channels,
        module.kernel_size,
        module.stride,
        module.padding,
        dilation=module.dilation,
        groups=module.groups,
        device="meta",
    )
    return _with_weights(layer, module)


def _with_weights(layer: Any, quantised: Any) -> nn.Module:
    layer.weight = nn.Parameter(quantised.weight().dequantize(), requires_grad=False)
    bias = quantised.bias()
    layer.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    return layer.eval()
