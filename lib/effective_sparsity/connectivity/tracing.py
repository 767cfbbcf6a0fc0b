"""The graph of a model, as PyTorch's dispatcher sees it.

The model runs once, in evaluation mode, on one example. Inputs and parameters are a tensor subclass, so that
every ATen operation on them passes through its ``__torch_dispatch__``: modules, functional calls and Python
control flow all end there. ``torch.func.functionalize`` above it turns in-place operations and writes through
views into pure ones. torch.export reads the same operations, but takes seconds to start.

What depends on the input has a shape and no values (it lies on PyTorch's meta device), so that a trace
computes next to nothing. Constants keep their values: masks and indices are structure.
"""

import itertools
import sys
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, functionalize
from torch.utils._pytree import tree_leaves, tree_map

from effective_sparsity.connectivity import models, rules
from effective_sparsity.connectivity.calls import Call, by_name, call_by_name, leaves, on, replaced
from effective_sparsity.connectivity.constants import Entangled, Weight, parameters_in, whole
from effective_sparsity.connectivity.draft import Draft, Value, numbered
from effective_sparsity.connectivity.graph import Graph
from effective_sparsity.connectivity.inputs import Arguments, arguments_of, tensors_of
from effective_sparsity.connectivity.rules import is_constant, reads_values
from effective_sparsity.connectivity.signature import Signature
from effective_sparsity.errors import UserError


@dataclass
class Trace:
    """A model as it was run.

    Attributes:
        graph: its operations.
        signature: what it calls its parameters, inputs and outputs.
        weights: the constants that its operations multiply by.
    """

    graph: Graph
    signature: Signature
    weights: list[Weight]


Interpret = Callable[[Draft, Call], list[Value]]


def trace(
    model: nn.Module,
    inputs,
    fixed: Collection[str] = (),
    conservative: bool = False,
    *,
    interpret: Interpret | None = None,
    with_values: bool = False,
) -> Trace:
    """Runs the model on example inputs and records what its operations mean.

    Args:
        model: left exactly as it was; any mode, any device, wrapped or not.
        inputs, fixed, conservative: as for `network.Connectivity`.
        interpret: what an operation means, in the place of `rules.interpret`.
        with_values: whether operations run on numbers, those of the example or zeros for a shape.

    Raises:
        UserError: the model does not run on such inputs, or an operation is not understood.
    """
    given_model, model = model, models.unwrapped(model)
    with models.undisturbed(model), torch.no_grad():
        parameters = dict(model.named_parameters())
        dtypes = [parameter.dtype for parameter in parameters.values() if parameter.is_floating_point()]
        arguments = arguments_of(inputs, fixed, dtypes[0] if dtypes else torch.get_default_dtype())
        recorder = _Recorder(Draft(), conservative, conservative or with_values, interpret)
        names = models.public_names(model)
        state = {name: models.plain(buffer).clone() for name, buffer in model.named_buffers()}
        for name, parameter in parameters.items():
            value = Value(parameter.shape, varying=False, origin=whole(names[name], tuple(parameter.shape)))
            state[name] = _Traced(models.plain(parameter), value, recorder)
        models.use_traced_weights(model, state)
        named_inputs = _inputs(arguments, recorder)
        outputs = _run(model, state, arguments, named_inputs)
    varying = [(name, x.value) for name, x in outputs if isinstance(x, _Traced) and x.value.varying]
    for name, value in varying:
        if value.opaque:
            raise UserError(
                f"output {name} of the model comes from {value.opaque}, whose paths are not understood"
            )
    if not varying:
        raise UserError(
            "no output of the model depends on its input; return tensors from forward(), alone or in tuples, "
            "lists, dicts or dataclasses"
        )
    draft = recorder.draft
    graph = draft.graph([value for _, value in varying])
    used = {step.weight.parameter for step in graph.weighted_steps} | draft.entangled.keys()
    signature = Signature(
        shapes={names[name]: tuple(parameter.shape) for name, parameter in parameters.items()},
        entangled=draft.entangled,
        shared=models.shared_names(model, names),
        aliases=models.aliases(given_model, model, names),
        unreached=[names[name] for name in models.weights_of_layers(model) if names[name] not in used],
        inputs=list(named_inputs),
        outputs=[name for name, _ in varying],
        assumed=sorted(recorder.assumed),
    )
    return Trace(graph, signature, draft.weights)


def _inputs(arguments: Arguments, recorder: "_Recorder") -> "dict[str, _Traced]":
    """The traced inputs by name."""
    inputs: dict[str, _Traced] = {}

    def add(name: str, tensor: Tensor) -> Tensor:
        inputs[name] = _Traced(recorder.sample(tensor), recorder.draft.input(tensor.shape), recorder)
        return tensor

    arguments.replaced(add)
    return inputs


def _run(
    model: nn.Module, state: dict[str, Tensor], arguments: Arguments, inputs: "dict[str, _Traced]"
) -> list[tuple[str, Tensor]]:
    """The outputs by name."""
    names: list[str] = []

    def run(*tensors: Tensor) -> list[Tensor]:
        by_input = dict(zip(inputs, tensors, strict=True))
        called = arguments.replaced(lambda name, _: by_input[name])
        outputs = list(tensors_of(functional_call(model, state, called.args, called.kwargs)))
        names.extend(name or "0" for name, _ in outputs)
        return [output for _, output in outputs]

    try:
        return list(zip(names, functionalize(run)(*inputs.values()), strict=True))
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"the model does not run on {arguments}: {type(error).__name__}: {reason}; give the shape of one "
            "sample without the batch, or example inputs"
        ) from error


class _Traced(Tensor):
    """A tensor that reports each operation on it."""

    @staticmethod
    def __new__(cls, tensor: Tensor, value: Value, recorder: "_Recorder"):
        return Tensor._make_wrapper_subclass(
            cls,
            tensor.shape,
            strides=tensor.stride(),
            storage_offset=tensor.storage_offset(),
            dtype=tensor.dtype,
            device=torch.device("cpu"),
        )

    def __init__(self, tensor: Tensor, value: Value, recorder: "_Recorder"):
        self.tensor = tensor
        self.value = value
        self.recorder = recorder
        recorder.alive[next(recorder.serials)] = self

    # PyTorch types both as methods of any tensor.
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        arguments = by_name(func, args, kwargs or {})
        traced = next(leaf for leaf in leaves(arguments) if isinstance(leaf, cls))
        try:
            return traced.recorder.record(func, arguments, args)
        except UserError as error:
            raise UserError(f"{func} {_whereabouts()}: {error}") from error


class _Recorder:
    """What the traced tensors of one run share."""

    def __init__(self, draft: Draft, conservative: bool, with_values: bool, interpret: Interpret | None):
        self.draft = draft
        self.conservative = conservative
        self.with_values = with_values
        self.interpret = interpret or self._interpret
        self.alive: weakref.WeakValueDictionary[int, _Traced] = weakref.WeakValueDictionary()
        self.serials = itertools.count()  # one run of a model overwrites in the order of the next
        self.assumed: set[str] = set()

    def sample(self, tensor: Tensor) -> Tensor:
        """What stands for an input."""
        if not self.with_values:
            return torch.empty_like(tensor, device="meta")
        return torch.zeros(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor.detach().cpu()

    def _interpret(self, draft: Draft, call: Call) -> list[Value]:
        return rules.interpret(draft, call, self.assumed if self.conservative else None)

    def record(self, operation, arguments: dict[str, Any], args: tuple) -> Any:
        """Runs an operation and appends what it means for paths to the graph."""
        values, tensors = _swap(arguments, "value"), _swap(arguments, "tensor")
        call = Call(operation, tensors, values)
        reason = reads_values(call) if call.activations() and not self.conservative else None
        if reason:
            raise UserError(reason)
        result = _execute(call)
        call.results = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        understood = self.interpret(self.draft, call)
        if call.in_place:
            self.overwrite(args[0], understood[0])
            return args[0]
        remaining = iter(understood)
        return tree_map(
            lambda leaf: _Traced(leaf, next(remaining), self) if isinstance(leaf, Tensor) else leaf, result
        )

    def overwrite(self, target: Tensor, value: Value) -> None:
        """Gives a tensor a new value in place, and all others their share that look at the same memory.

        A few operations (circular padding) take themselves apart only below functionalize and write through
        views.
        """
        if not isinstance(target, _Traced):
            raise UserError("it writes into a constant in place")
        memory = target.tensor.untyped_storage()._cdata
        for other in list(self.alive.values()):
            if other is not target and other.tensor.untyped_storage()._cdata == memory:
                other.value = self._overlay(other, target.tensor, value)
        target.value = value

    def _overlay(self, view: _Traced, written: Tensor, value: Value) -> Value:
        parts = [(view.tensor, view.value), (written, value)]
        inputs = [part for _, part in parts if part.varying]
        if not inputs:
            parameters = parameters_in(view.value.origin) | parameters_in(value.origin)
            return Value(view.shape, False, Entangled(parameters, "copy") if parameters else None)
        memory = written.untyped_storage().nbytes() // written.element_size()
        numbers = iter(numbered(*(part.shape for part in inputs)))
        elements = torch.zeros(memory, dtype=torch.float64)
        for tensor, part in parts:
            area = elements.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
            area.copy_(next(numbers) if part.varying else torch.zeros(()))
        overlaid = elements.as_strided(view.shape, view.tensor.stride(), view.tensor.storage_offset())
        return self.draft.rearrange(inputs, overlaid)


def _execute(call: Call) -> Any:
    """The result of a call: without values if an operand has none, unless they do not matter."""
    without_values = any(isinstance(leaf, Tensor) and leaf.is_meta for leaf in leaves(call.tensors))
    if not without_values or (call.activations() and is_constant(call)):
        return call_by_name(call.operation, _with_values(call.tensors))
    try:
        return call_by_name(call.operation, on(torch.device("meta"), call.tensors))
    except RuntimeError:  # it cannot be run without values, or not at all
        result = call_by_name(call.operation, _with_values(call.tensors))
        return tree_map(lambda leaf: leaf.to("meta") if isinstance(leaf, Tensor) else leaf, result)


def _with_values(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments with zeros in the place of tensors without values."""

    def fill(leaf):
        return torch.zeros_like(leaf, device="cpu") if isinstance(leaf, Tensor) and leaf.is_meta else leaf

    return on(torch.device("cpu"), replaced(arguments, fill))


def _swap(arguments: dict[str, Any], attribute: str) -> dict[str, Any]:
    return replaced(arguments, lambda leaf: getattr(leaf, attribute) if isinstance(leaf, _Traced) else leaf)


def _whereabouts() -> str:
    """The innermost module on the call stack, and the line in the innermost that is not PyTorch's own."""
    frame: FrameType | None = sys._getframe(1)
    modules: list[nn.Module] = []
    line = ""
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            modules.append(owner)
            if not line and frame.f_globals.get("__name__", "").partition(".")[0] != "torch":
                line = f" ({frame.f_code.co_filename}, line {frame.f_lineno})"
        frame = frame.f_back
    names = {id(module): name for name, module in modules[-1].named_modules()}
    path = names.get(id(modules[0])) or "the model itself"
    return f"in {path} ({type(modules[0]).__name__}){line}"
