"""Operations unit by unit, and over whole dimensions."""

from effective_sparsity.connectivity.calls import Call, Draft, Value
from effective_sparsity.connectivity.operators import Reduction
from effective_sparsity.connectivity.rules.basics import names, rule, union, unite
from effective_sparsity.errors import UserError

# Their results have the shape of a traced tensor, not its content.
CONTENT_FREE = names(
    """empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like rand_like
    randn_like zero zeros_like"""
)

# Elementwise; PyTorch tags most such operations as pointwise, but not these in every version.
ACTIVATIONS = names(
    """celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid_forward mish silu
    softplus softshrink threshold"""
)

# Unit by unit, by the convention for batch norm: statistics and softmax weigh units, they are not paths.
TRANSPARENT = names(
    """_fused_rms_norm _log_softmax _native_batch_norm_legit _native_batch_norm_legit_no_training
    _prelu_kernel _safe_softmax _softmax _to_copy _weight_norm_interface alias clone cudnn_batch_norm
    detach layer_norm lift_fresh miopen_batch_norm native_batch_norm native_dropout native_group_norm
    native_layer_norm prelu rms_norm rrelu_with_noise rrelu_with_noise_functional"""
)

_REDUCTIONS = names(
    """all amax amin any linalg_vector_norm logsumexp max mean min nansum norm prod std std_mean sum var
    var_mean"""
)

rule(*ACTIVATIONS)(union)


@rule(*CONTENT_FREE)
def _content_free(graph: Draft, call: Call) -> Value:
    return Value(call.shape, varying=False)


@rule("fill")
def _fill(graph: Draft, call: Call) -> Value:
    value = call["value"]
    if isinstance(value, Value) and value.varying:
        return unite(graph, [value], call.shape)
    return Value(call.shape, varying=False)


@rule(*TRANSPARENT)
def _transparent(graph: Draft, call: Call) -> Value:
    if len(call.activations()) != 1:
        raise UserError("its scale, shift or statistics depend on the input")
    return union(graph, call)


@rule(*_REDUCTIONS)
def _reduce(graph: Draft, call: Call) -> Value | list[Value]:
    if len(call.activations()) > 1:  # the maximum or minimum of two
        return union(graph, call)
    x = call["self"]
    dims = call.get("dim")
    dims = [dims] if isinstance(dims, int) else dims or range(len(x.shape))
    value = reduce(graph, x, dims, call.get("keepdim", False))
    return [value, value] if call.name in ("var_mean", "std_mean") else value


def reduce(graph: Draft, x: Value, dims, keepdim: bool = True) -> Value:
    """A result that depends on all elements along dimensions."""
    rank = len(x.shape)
    dims = tuple(sorted({dim % rank for dim in dims})) if rank else ()
    shape = [1 if dim in dims else size for dim, size in enumerate(x.shape) if keepdim or dim not in dims]
    return graph.emit(Reduction(x.shape, dims, keepdim), [x], shape)


@rule("_local_scalar_dense", "equal", "is_nonzero", "nonzero")
def _read_out(graph: Draft, call: Call) -> Value:
    raise UserError("the course of the program depends on the values of the input")
