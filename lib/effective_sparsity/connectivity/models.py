"""Models as people have them: wrapped, compiled, pruned, quantised, on any device."""

import contextlib
import sys
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from effective_sparsity.errors import UserError

_WEIGHT_LAYERS = (
    nn.Linear,
    nn.Bilinear,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.MultiheadAttention,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.modules.conv._ConvNd,
)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside DataParallel, DistributedDataParallel and torch.compile.

    Raises:
        UserError: it is no module, or one that cannot be traced.
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"the model is {type(model).__name__}; give a torch.nn.Module")
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = cast(nn.Module, model._orig_mod)
        else:
            break
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            where = f"layer {name}" if name else "the model"
            raise UserError(f"{where} is a scripted module; give the original that torch.jit was given")
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        raise UserError("the model has lazy layers without weights; run it once on a batch before")
    return model


def public_names(model: nn.Module) -> dict[str, str]:
    """Name of each parameter -> the name under which its layer knows it.

    The two differ where a weight is computed: fc.weight_orig of ``torch.nn.utils.prune`` and
    fc.parametrizations.weight.original of ``torch.nn.utils.parametrize`` are both fc.weight.
    """
    parameters = dict(model.named_parameters())
    buffers = {name for name, _ in model.named_buffers()}
    names = {}
    for name in parameters:
        layer, _, attribute = name.rpartition(".parametrizations.")
        public = name.replace("_orig_mod.", "")
        if f"{name.removesuffix('_orig')}_mask" in buffers:
            public = public.removesuffix("_orig")
        elif attribute or name.startswith("parametrizations."):
            attribute = attribute or name.removeprefix("parametrizations.")
            prefix = name.removesuffix(attribute.partition(".")[2])
            originals = [other for other in parameters if other.startswith(f"{prefix}original")]
            if name == max(originals, key=lambda other: (parameters[other].numel(), other), default=None):
                public = f"{layer}.{attribute.partition('.')[0]}".removeprefix(".").replace("_orig_mod.", "")
        names[name] = public
    return names if len(set(names.values())) == len(names) else {name: name for name in parameters}


def shared_names(model: nn.Module, names: dict[str, str]) -> dict[str, str]:
    """Further name of each parameter that several layers share -> its first name, by `public_names`."""
    first = {parameter: name for name, parameter in model.named_parameters()}
    everywhere = model.named_parameters(remove_duplicate=False)
    return {name: names[first[parameter]] for name, parameter in everywhere if first[parameter] != name}


def aliases(given_model: nn.Module, model: nn.Module, names: dict[str, str]) -> dict[str, str]:
    """Name in the model that was given and in the one inside it -> name by `public_names`, if they differ."""
    known = {parameter: names[name] for name, parameter in model.named_parameters()}
    given = {n: known[parameter] for n, parameter in given_model.named_parameters() if parameter in known}
    return {name: public for name, public in (given | names).items() if name != public}


def weights_of_layers(model: nn.Module) -> list[str]:
    """Names of the weights of layers that multiply: linear, convolution, recurrent, attention, embedding."""
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.ndim > 1 and isinstance(_layer(model, name), _WEIGHT_LAYERS)
    ]


def _layer(model: nn.Module, parameter: str) -> nn.Module:
    path = parameter.rpartition(".")[0].partition("parametrizations")[0].rstrip(".")
    return model.get_submodule(path)


def plain(tensor: Tensor) -> Tensor:
    """A parameter or buffer on the CPU (or without values), dense and not quantised."""
    tensor = tensor.detach()
    if tensor.is_quantized or type(tensor) not in (Tensor, nn.Parameter, nn.Buffer):  # those of torchao
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor if tensor.is_meta else tensor.cpu()


@contextlib.contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every module has the attributes that it had before.

    Modules may keep tensors of the run (torch.nn.utils.prune stores the masked weight). Shortcuts that hide
    the parts of a layer in one operation are switched off: the fast path of transformers, oneDNN's recurrent
    layers, and compiled code.
    """
    from effective_sparsity.connectivity.quantised import replace_quantised

    modules = list(model.modules())
    before = [(module, dict(vars(module)), dict(module._modules)) for module in modules]
    one_dnn = torch._C._get_mkldnn_enabled()
    fast_path = torch.backends.mha.get_fastpath_enabled()
    try:
        for module in modules:
            module.training = False
            module._compiled_call_impl = None
        replace_quantised(model)
        torch.backends.mha.set_fastpath_enabled(False)
        torch._C._set_mkldnn_enabled(False)
        with torch.random.fork_rng(devices=[]), _uncompiled():
            yield
    finally:
        torch._C._set_mkldnn_enabled(one_dnn)
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for module, attributes, children in before:
            vars(module).clear()
            vars(module).update(attributes)
            module._modules.clear()
            module._modules.update(children)


def _uncompiled() -> contextlib.AbstractContextManager:
    """Runs the Python code of compiled functions; importing the compiler to say so takes seconds."""
    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    return torch.compiler.set_stance("force_eager")


def use_traced_weights(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Recurrent layers read their weights from a list of their own, which functional calls do not replace."""
    for name, module in model.named_modules():
        if isinstance(module, nn.RNNBase):
            prefix = f"{name}." if name else ""
            module._flat_weights = [state[prefix + weight] for weight in module._flat_weights_names]
