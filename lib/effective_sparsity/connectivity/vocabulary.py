"""ATen operations by what they do to paths; names without namespace, overload and final underscore."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Their results have the shape of a traced tensor, not its content.
CONTENT_FREE = _names(
    """empty_like fill full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like rand_like
    randn_like zero zeros_like"""
)

# Elementwise; PyTorch tags most such operations as pointwise, but not these in every version.
ACTIVATIONS = _names(
    """celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid_forward mish silu
    softplus softshrink threshold"""
)

# Unit by unit, by the convention for batch norm: statistics and softmax weigh units, they are not paths.
TRANSPARENT = _names(
    """_fused_rms_norm _log_softmax _native_batch_norm_legit _native_batch_norm_legit_no_training
    _prelu_kernel _safe_softmax _softmax _to_copy _weight_norm_interface alias clone cudnn_batch_norm
    detach layer_norm lift_fresh miopen_batch_norm native_batch_norm native_dropout native_group_norm
    native_layer_norm prelu rms_norm rrelu_with_noise rrelu_with_noise_functional"""
)

REDUCTIONS = _names(
    """all amax amin any linalg_vector_norm logsumexp max mean min nansum norm prod std std_mean sum var
    var_mean"""
)

# Operations that move elements, by the arguments that hold them; the others are indices or numbers.
MOVES = {
    ("self",): _names(
        """_unsafe_index _unsafe_view channel_shuffle constant_pad_nd diagonal expand flip gather im2col index
        index_select masked_fill movedim narrow native_channel_shuffle permute pixel_shuffle pixel_unshuffle
        reflection_pad1d reflection_pad2d reflection_pad3d repeat replication_pad1d replication_pad2d
        replication_pad3d reshape roll select slice split split_with_sizes squeeze t take transpose tril triu
        unbind unfold unsafe_split unsafe_split_with_sizes unsqueeze view"""
    ),
    ("self", "input"): _names("upsample_nearest1d upsample_nearest2d upsample_nearest3d"),
    ("self", "source"): _names("index_copy"),
    ("self", "src"): _names("copy diagonal_scatter scatter select_scatter slice_scatter"),
    ("self", "values"): _names("index_put"),
    ("tensors",): _names("stack"),
}
