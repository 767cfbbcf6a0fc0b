"""Operations unit by unit, and over whole dimensions."""

import numpy as np

from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.draft import Draft, Value
from effective_sparsity.connectivity.rules.register import names, rule, union
from effective_sparsity.errors import UserError

# Their results have the shape of a traced tensor, not its content.
CONTENT_FREE = names(
    """empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like rand_like
    randn_like zero zeros_like"""
)

# Unit by unit, by the convention for batch norm: statistics and softmax weigh units, they are not paths.
TRANSPARENT = names(
    """_fused_rms_norm _log_softmax _native_batch_norm_legit _native_batch_norm_legit_no_training
    _prelu_kernel _safe_softmax _softmax _to_copy _weight_norm_interface alias clone cudnn_batch_norm
    detach layer_norm lift_fresh miopen_batch_norm native_batch_norm native_dropout native_group_norm
    native_layer_norm prelu rms_norm rrelu_with_noise rrelu_with_noise_functional"""
)

# Elementwise; PyTorch tags most such operations as pointwise, but not these in every version.
rule(
    """_conj _neg_view celu conj_physical elu floor_divide gelu hardshrink hardsigmoid hardswish hardtanh imag
    leaky_relu log_sigmoid_forward mish real resolve_conj resolve_neg silu softplus softshrink threshold"""
)(union)


@rule("fill")
def _fill(graph: Draft, call: Call) -> Value:
    return graph.unite([call["value"]], call.shape)


@rule(*TRANSPARENT)
def _transparent(graph: Draft, call: Call) -> Value:
    if len(call.activations()) != 1:
        raise UserError("its scale, shift or statistics depend on the input")
    return union(graph, call)


@rule(
    """all amax amin any linalg_vector_norm logsumexp max mean min nansum norm prod std std_mean sum var
    var_mean"""
)
def _reduce(graph: Draft, call: Call) -> list[Value]:
    x = call["self"]
    dims = call.get("dim")
    dims = [dims] if isinstance(dims, int) else dims or range(len(x.shape))
    return [graph.reduce(x, dims, call.get("keepdim", False))] * len(call.results)


@rule("cumsum cumprod logcumsumexp cummax cummin")
def _accumulate(graph: Draft, call: Call) -> list[Value]:
    x, dim = call["self"], call["dim"]
    if not x.shape:
        return [x] * len(call.results)
    before = np.tri(x.shape[dim], dtype=bool)
    return [graph.link(x, dim, before)] * len(call.results)


@rule("_fft_c2c _fft_c2r _fft_r2c")
def _fourier_transform(graph: Draft, call: Call) -> Value:
    return graph.spread(call["self"], call["dim"], call.shape)


@rule("view_as_real view_as_real_copy")
def _parts_of_complex_numbers(graph: Draft, call: Call) -> Value:
    x = call["self"]
    return graph.unite([graph.reshape(x, (*x.shape, 1))], call.shape)


@rule("view_as_complex view_as_complex_copy")
def _complex_numbers(graph: Draft, call: Call) -> Value:
    return graph.reduce(call["self"], [-1], keepdim=False)
