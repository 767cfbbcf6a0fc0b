"""The graph of a model, as PyTorch's dispatcher sees it.

The model runs once, in evaluation mode, on one sample of zeros. Input and parameters are a tensor subclass,
so that every ATen operation on them passes through its ``__torch_dispatch__``: modules, functional calls and
Python control flow all end there. ``torch.func.functionalize`` above it turns in-place operations and writes
through views into pure ones. torch.export reads the same operations, but takes seconds to start.
"""

import contextlib
import itertools
import operator
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, functionalize
from torch.nn.parameter import UninitializedParameter
from torch.utils._pytree import tree_leaves, tree_map

from effective_sparsity.connectivity.aten import interpret
from effective_sparsity.connectivity.calls import Call, Draft, Value, by_name, call_by_name
from effective_sparsity.connectivity.graph import Graph
from effective_sparsity.connectivity.parameters import Arrangement
from effective_sparsity.connectivity.rules import rearrange
from effective_sparsity.errors import UserError

Interpret = Callable[[Draft, Call], list[Value]]


def trace(
    model: nn.Module, input_shape: Sequence[int], interpret: Interpret = interpret
) -> tuple[Graph, dict[str, str]]:
    """Runs the model on one sample and records what its operations mean.

    Args:
        model: left exactly as it was; any mode, any device.
        input_shape: shape of one sample, without the batch.
        interpret: appends what a call means to the graph; called for every operation on traced tensors.

    Returns:
        The graph, and the name of each parameter that reaches its layer mixed with others -> the operation
        that mixed them.

    Raises:
        UserError: the model does not run on such an input, or an operation is not understood.
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"the model is {type(model).__name__}; give a torch.nn.Module")
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        raise UserError("the model has lazy layers without weights; run it once on a batch before")
    input_shape = _checked(input_shape)
    parameters = dict(model.named_parameters())
    like = next((p for p in parameters.values() if p.is_floating_point()), torch.empty(0))
    sample = torch.zeros((1, *input_shape), dtype=like.dtype, device=like.device)
    recorder = _Recorder(Draft(sample.shape), interpret)
    state: dict[str, Tensor] = {name: buffer.clone() for name, buffer in model.named_buffers()}
    for name, parameter in parameters.items():
        value = Value(parameter.shape, varying=False, origin=Arrangement(name, tuple(parameter.shape)))
        state[name] = _Traced(parameter.detach(), value, recorder)

    def run(x):
        return tree_leaves(functional_call(model, state, (x,)))

    with _undisturbed(model), torch.no_grad():
        try:
            outputs = functionalize(run)(_Traced(sample, recorder.draft.input, recorder))
        except UserError:
            raise
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"the model does not run on an input of shape {tuple(sample.shape)}: {type(error).__name__}: "
                f"{reason}; give as input_shape the shape of one sample without the batch"
            ) from error
    values = [x.value for x in outputs if isinstance(x, _Traced) and x.value.varying]
    for value in values:
        if value.opaque:
            raise UserError(
                f"an output of the model comes from {value.opaque}, whose paths are not understood"
            )
    if not values:
        raise UserError("no output of the model depends on its input; return tensors from forward()")
    return recorder.draft.graph(values), recorder.draft.entangled


def _checked(input_shape: Sequence[int]) -> tuple[int, ...]:
    try:
        shape = tuple(map(operator.index, input_shape))
    except TypeError:
        shape = (-1,)
    if any(size < 0 for size in shape):
        raise UserError(
            f"input_shape {input_shape!r} is no shape; give the sizes of one sample without the batch, such "
            "as (3, 32, 32)"
        )
    return shape


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
            device=tensor.device,
        )

    def __init__(self, tensor: Tensor, value: Value, recorder: "_Recorder"):
        self.tensor = tensor
        self.value = value
        self.recorder = recorder
        recorder.alive[next(recorder.serials)] = self

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        arguments = by_name(operation, args, kwargs or {})
        traced = next(leaf for leaf in tree_leaves(arguments) if isinstance(leaf, cls))
        tensors = _swap(arguments, "tensor")
        result = call_by_name(operation, tensors)
        results = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        call = Call(operation, tensors, _swap(arguments, "value"), results)
        try:
            values = traced.recorder.interpret(traced.recorder.draft, call)
            if call.in_place:
                traced.recorder.overwrite(args[0], values[0])
                return args[0]
        except UserError as error:
            raise UserError(f"{operation} {_whereabouts()}: {error}") from error
        remaining = iter(values)
        return tree_map(
            lambda leaf: cls(leaf, next(remaining), traced.recorder) if isinstance(leaf, Tensor) else leaf,
            result,
        )


class _Recorder:
    """What the traced tensors of one run share."""

    def __init__(self, draft: Draft, interpret: Interpret):
        self.draft = draft
        self.interpret = interpret
        self.alive: weakref.WeakValueDictionary[int, _Traced] = weakref.WeakValueDictionary()
        self.serials = itertools.count()  # one run of a model overwrites in the order of the next

    def overwrite(self, target: Tensor, value: Value) -> None:
        """Gives a tensor a new value in place, and all others their share that look at the same memory.

        A few operations (circular padding) take themselves apart only below functionalize and write through
        views.
        """
        if not isinstance(target, _Traced):
            raise UserError("it writes into a constant in place")
        memory = target.tensor.untyped_storage()
        for other in list(self.alive.values()):
            if other is not target and other.tensor.untyped_storage().data_ptr() == memory.data_ptr():
                other.value = self._overlay(other, target.tensor, value)
        target.value = value

    def _overlay(self, view: _Traced, written: Tensor, value: Value) -> Value:
        parts = [(view.tensor, view.value), (written, value)]
        inputs = [part for _, part in parts if part.varying]
        if not inputs:
            return view.value
        memory = written.untyped_storage().nbytes() // written.element_size()

        def place(*numbers: Tensor) -> Tensor:
            remaining = iter(numbers)
            elements = torch.zeros(memory, dtype=torch.float64)
            for tensor, part in parts:
                area = elements.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
                area.copy_(next(remaining) if part.varying else torch.zeros(()))
            return elements.as_strided(view.shape, view.tensor.stride(), view.tensor.storage_offset()).clone()

        return rearrange(self.draft, inputs, place)


def _swap(arguments: dict, attribute: str) -> dict:
    return tree_map(lambda leaf: getattr(leaf, attribute) if isinstance(leaf, _Traced) else leaf, arguments)


@contextlib.contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every module has the attributes that it had before.

    Modules may keep tensors of the run (torch.nn.utils.prune stores the masked weight). Transformers take a
    shortcut in evaluation mode that hides their parts in one operation; it is switched off.
    """
    before = [(module, dict(vars(module))) for module in model.modules()]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    try:
        for module, _ in before:
            module.training = False
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)


def _whereabouts() -> str:
    """The innermost module on the call stack, and the line in the innermost that is not PyTorch's own."""
    frame = sys._getframe(1)
    modules: list[nn.Module] = []
    line = ""
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            modules.append(owner)
            if not line and frame.f_globals.get("__name__", "").partition(".")[0] != "torch":
                line = f" ({frame.f_code.co_filename}, line {frame.f_lineno})"
        frame = frame.f_back
    if not modules:
        return "outside of any module"
    names = {id(module): name for name, module in modules[-1].named_modules()}
    path = names.get(id(modules[0])) or "the model itself"
    return f"in {path} ({type(modules[0]).__name__}){line}"
