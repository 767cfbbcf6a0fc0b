"""Operations unit by unit, and over whole dimensions."""

import numpy as np

from effective_sparsity.connectivity.calls import Call, Draft, Value
from effective_sparsity.connectivity.operators import Links
from effective_sparsity.connectivity.rules.basics import names, reduce, reshape, rule, spread, union, unite
from effective_sparsity.errors import UserError

# Their results have the shape of a traced tensor, not its content.
CONTENT_FREE = names(
    """empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like rand_like
    randn_like zero zeros_like"""
)

# Elementwise; PyTorch tags most such operations as pointwise, but not these in every version.
ACTIVATIONS = names(
    """celu elu floor_divide
    gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid_forward mish silu
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


@rule("fill")
def _fill(graph: Draft, call: Call) -> Value:
    return unite(graph, [call["value"]], call.shape)


@rule(*TRANSPARENT)
def _transparent(graph: Draft, call: Call) -> Value:
    if len(call.activations()) != 1:
        raise UserError("its scale, shift or statistics depend on the input")
    return union(graph, call)


@rule(*_REDUCTIONS)
def _reduce(graph: Draft, call: Call) -> list[Value]:
    if len(call.activations()) > 1:  # the maximum or minimum of two
        return [union(graph, call)]
    x = call["self"]
    dims = call.get("dim")
    dims = [dims] if isinstance(dims, int) else dims or range(len(x.shape))
    return [reduce(graph, x, dims, call.get("keepdim", False))] * len(call.results)


@rule(*names("cumsum cumprod logcumsumexp cummax cummin"))
def _accumulate(graph: Draft, call: Call) -> list[Value]:
    x, dim = call["self"], call["dim"]
    if not x.shape:
        return [x] * len(call.results)
    before = np.tri(x.shape[dim], dtype=bool)
    return [link(graph, x, dim, before)] * len(call.results)


def link(graph: Draft, x: Value, dim: int, linked: np.ndarray) -> Value:
    """A result whose element i along a dimension depends on the elements j where linked[i, j]."""
    dim %= len(x.shape)
    shape = (*x.shape[:dim], len(linked), *x.shape[dim + 1 :])
    return graph.emit(Links(x.shape, dim, linked), [x], shape)


@rule(*names("_fft_c2c _fft_c2r _fft_r2c"))
def _fourier_transform(graph: Draft, call: Call) -> Value:
    return spread(graph, call["self"], call["dim"], call.shape)


@rule(*names("view_as_real view_as_real_copy"))
def _parts_of_complex_numbers(graph: Draft, call: Call) -> Value:
    x = call["self"]
    return unite(graph, [reshape(graph, x, (*x.shape, 1))], call.shape)


@rule(*names("view_as_complex view_as_complex_copy"))
def _complex_numbers(graph: Draft, call: Call) -> Value:
    return reduce(graph, call["self"], [-1], keepdim=False)


rule(*names("real imag _conj _neg_view conj_physical resolve_conj resolve_neg"))(union)
