"""A traced run of a model: its graph, and each operation with the numbers that it met.

The graph of `connectivity` follows the paper's convention that norms and softmax act unit by unit. They do
mix units through their statistics, so a unit that no path reaches may still change. Here they count as what
they are: "does not depend on the input" then holds for the function.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from effective_sparsity.connectivity import rules
from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.draft import Draft, Value
from effective_sparsity.connectivity.graph import Graph, Step, WeightedStep
from effective_sparsity.connectivity.operators import Operator
from effective_sparsity.connectivity.tracing import trace
from effective_sparsity.errors import UserError

_SOFTMAX = ("_softmax", "_log_softmax", "_safe_softmax")
_LAYER_NORM = ("layer_norm", "native_layer_norm", "rms_norm", "_fused_rms_norm")
_BATCH_NORM = ("_native_batch_norm_legit", "cudnn_batch_norm", "miopen_batch_norm", "native_batch_norm")


@dataclass(frozen=True)
class Mixing(Operator):
    """Every element of the result depends on all elements of the operand along some dimensions.

    Attributes:
        dims: those dimensions, counted from 0.
    """

    dims: tuple[int, ...]

    def forward(self, order, *inputs):
        (x,) = inputs
        return np.broadcast_to(x.max(self.dims, keepdims=True), x.shape)

    def backward(self, order, outgoing):
        return [self.forward(order, outgoing)]


@dataclass(eq=False)
class Recorded:
    """One operation of the run.

    Attributes:
        call: the operation and its arguments; its tensors hold numbers.
        module: name of the innermost module that ran it.
        inputs, outputs: numbers of the values that depend on the input.
        steps: what it means in the graph.
    """

    call: Call
    module: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step | WeightedStep, ...] = ()

    @property
    def activation(self) -> Tensor:
        """The first operand that depends on the input, as numbers."""
        return next(tensor for tensor, value in self.call.leaves() if varies(value))

    def constants(self) -> list[Tensor]:
        """The operands that do not depend on the input: parameters, buffers, tensors made on the way."""
        return [
            tensor for tensor, value in self.call.leaves() if isinstance(tensor, Tensor) and not varies(value)
        ]

    def __str__(self) -> str:
        return f"{self.call.name} in {self.module or 'the model itself'}"


@dataclass(eq=False)
class Recording:
    """A traced run.

    Attributes:
        graph: the operations on values that depend on the input.
        calls: all operations on such values and on parameters, in order.
        failure: why the run broke off after the last of the calls; None if it ran to the end.
    """

    graph: Graph
    calls: list[Recorded]
    failure: UserError | None = None

    @cached_property
    def results(self) -> dict[int, Tensor]:
        """The numbers of each value but the input, by its number."""
        return {
            value: result
            for recorded in self.calls
            for value, result in zip(recorded.outputs, recorded.call.results, strict=False)
        }


class _Recorder:
    """Interprets the operations of a run and keeps them."""

    def __init__(self, model: nn.Module):
        self.calls: list[Recorded] = []
        self.ends: list[int] = []  # of each call, in steps of the graph
        self.draft = Draft()
        self.modules: list[str] = []
        self.handles = []
        for name, module in model.named_modules():
            self.handles += [
                module.register_forward_pre_hook(lambda *_, name=name: self.modules.append(name)),
                module.register_forward_hook(self._leave, always_call=True),
            ]

    def _leave(self, *_: object) -> None:
        self.modules.pop()

    def __call__(self, draft: Draft, call: Call) -> list[Value]:
        self.draft = draft
        dims = _mixed(call)
        understood = len(call.activations()) == 1 and not any(value.opaque for value in call.values())
        if dims is None or not understood or not call.results[0].numel():
            values = rules.interpret(draft, call)
        else:
            values = [draft.emit(Mixing(dims), call.activations(), call.shape)]
            values += [
                Value(r.shape, True, opaque=f"a further result of {call.name}") for r in call.results[1:]
            ]
        numbers = [value.number for value in values if value.number is not None]
        inputs = [value.number for value in call.activations() if value.number is not None]
        self.calls.append(
            Recorded(call, self.modules[-1] if self.modules else "", tuple(inputs), tuple(numbers))
        )
        self.ends.append(draft.n_steps)
        return values

    def recording(self, graph: Graph, failure: UserError | None = None) -> Recording:
        for recorded, (start, end) in zip(self.calls, pairwise([0, *self.ends]), strict=True):
            recorded.steps = graph.steps[start:end]
        return Recording(graph, self.calls, failure)


def record(model: nn.Module, sample: tuple[int, ...]) -> Recording:
    """Runs the model in evaluation mode on a sample of zeros; a run that fails is recorded up to there.

    Args:
        model: left exactly as it was.
        sample: shape of one sample without the batch.
    """
    recorder = _Recorder(model)
    try:
        return recorder.recording(trace(model, sample, interpret=recorder, with_values=True).graph)
    except UserError as error:
        return recorder.recording(recorder.draft.graph([]), failure=error)
    finally:
        for handle in recorder.handles:
            handle.remove()


def varies(value: object) -> bool:
    """Whether an argument of a call depends on the input."""
    return isinstance(value, Value) and value.varying


def _mixed(call: Call) -> tuple[int, ...] | None:
    """The dimensions along which an operation mixes units through statistics; None for other operations."""
    if call.name in _SOFTMAX:
        return (call["dim"] % max(len(call.shape), 1),)
    if call.name in _LAYER_NORM:
        return tuple(range(len(call.shape) - len(call["normalized_shape"]), len(call.shape)))
    if call.name == "native_group_norm":
        return tuple(range(1, len(call.shape)))
    if call.name == "_weight_norm_interface":
        return tuple(dim for dim in range(len(call.shape)) if dim != call["dim"])
    if call.name in _BATCH_NORM and (call.get("training") or call.get("running_mean") is None):
        return tuple(dim for dim in range(len(call.shape)) if dim != 1)
    return None
