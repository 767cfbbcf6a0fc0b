"""Operations without weights, one by one, against the pattern of their Jacobian."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import roi_align

import effective_sparsity as es
from effective_sparsity.errors import UserError


class Sandwich(nn.Module):
    """An operation between two diagonal layers: one weight per element of its input and of its result."""

    def __init__(self, operation, shape):
        super().__init__()
        self.operation, self.shape = operation, shape
        size = torch.Size(shape).numel()
        self.before = nn.Linear(size, size, bias=False)
        after = operation(torch.rand(1, *shape)).numel()
        self.after = nn.Linear(after, after, bias=False)

    def forward(self, x):
        return self.after(self.operation(self.before(x).view(1, *self.shape)).reshape(1, -1))

    def active(self, kept_before, kept_after):
        """Which diagonal weights are active when these are kept."""
        masks = {"before.weight": torch.diag(kept_before), "after.weight": torch.diag(kept_after)}
        active = es.effective_masks(self, masks, (len(kept_before),))
        return active["before.weight"].diagonal(), active["after.weight"].diagonal()


def depends(operation, shape):
    """Boolean (results, inputs): whether a result moves with an input, at a random point."""
    torch.manual_seed(0)
    point = torch.rand(1, *shape, dtype=torch.float64) + 0.5
    jacobian = torch.autograd.functional.jacobian(operation, point)
    return jacobian.reshape(-1, point.numel()) != 0


def write_slice(x):
    y = torch.zeros(1, 2, 5)
    y[:, :, 1:4] = x
    y[:, 0].mul_(2.0)
    y[:, 1, :2] = 7.0
    return y


def write_view(x):
    y = x * 1.0
    y.view(1, -1)[:, 2:4].fill_(0.0)
    return y


def where_mask(x):
    return torch.where(torch.tensor([True, False, True]), x, 2 * x.flip(2))


def grid(x, items=1):
    torch.manual_seed(3)
    return (2.5 * torch.rand(items, 3, 3, 2) - 1.25).to(x)


def ones(x):
    return torch.ones_like(x)


def arange(x):
    return torch.arange(1.0, 7.0).reshape(1, 2, 3).to(x) ** 2


INDEX = torch.tensor([[[0, 1], [1, 1]]])
ROWS = (2, 3)
MAPS = (2, 5, 4)
CASES = {
    "cat": (lambda x: torch.cat([x, torch.ones(1, 1, 3), x[:, :1]], 1), ROWS),
    "stack": (lambda x: torch.stack([x[:, 0], torch.ones(1, 3), x[:, 1]], 2), ROWS),
    "permute": (lambda x: x.permute(0, 2, 1), ROWS),
    "slice": (lambda x: x[:, 1, ::2], ROWS),
    "chunk": (lambda x: x.chunk(2, 2)[1], MAPS),
    "unbind": (lambda x: x.unbind(1)[1], MAPS),
    "flip and roll": (lambda x: x.flip(1).roll(1, 2), ROWS),
    "repeat": (lambda x: x.repeat(1, 2, 1), ROWS),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1), ROWS),
    "expand": (lambda x: x[:, :1].expand(1, 4, 3), ROWS),
    "index": (lambda x: x[:, [1, 1, 0]][:, :, torch.tensor([2, 0])], ROWS),
    "index_select": (lambda x: x.index_select(2, torch.tensor([2, 0])), ROWS),
    "gather": (lambda x: x.gather(2, torch.tensor([[[0, 0], [2, 1]]])), ROWS),
    "masked_fill": (lambda x: x.masked_fill(torch.tensor([True, False, True]), -5.0), ROWS),
    "masked_fill with an element": (
        lambda x: x.masked_fill(torch.tensor([True, False, True]), x[0, 0, 1]),
        ROWS,
    ),
    "where by a constant": (where_mask, ROWS),
    "tril": (lambda x: x.tril(), ROWS),
    "diagonal": (lambda x: x.diagonal(0, 1, 2), ROWS),
    "asymmetric pad": (lambda x: F.pad(x, (1, 2, -1, 0), value=3.0), MAPS),
    "circular pad": (lambda x: F.pad(x, (1, 2, 0, 1), mode="circular"), MAPS),
    "reflection pad": (lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect"), MAPS),
    "replication pad": (lambda x: F.pad(x, (1, 2, 0, 1), mode="replicate"), MAPS),
    "write into a slice": (write_slice, ROWS),
    "write through a view": (write_view, ROWS),
    "write at an index": (
        lambda x: torch.zeros(3, 2, 3, dtype=x.dtype).index_put((torch.tensor([1]),), x),
        ROWS,
    ),
    "unfold": (lambda x: F.unfold(x, 2, stride=2), MAPS),
    "pixel shuffle": (lambda x: F.pixel_shuffle(x, 2), (4, 2, 2)),
    "channel shuffle": (lambda x: F.channel_shuffle(x, 2), (4, 2, 2)),
    "nearest neighbours": (lambda x: F.interpolate(x, scale_factor=1.5), MAPS),
    "activations": (lambda x: F.gelu(F.silu(F.hardswish(F.elu(x)))), ROWS),
    "broadcast addition": (lambda x: x + x[:, :1] + 3.0, ROWS),
    "gate": (lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)), MAPS),
    "maximum of two": (lambda x: torch.logaddexp(x, x.flip(1)), ROWS),
    "gated linear unit": (lambda x: F.glu(x, 1), MAPS),
    "sum": (lambda x: x.sum(1), ROWS),
    "mean": (lambda x: x.mean((1, 3), keepdim=True), MAPS),
    "variance": (lambda x: x.var(2), ROWS),
    "standard deviation and mean": (lambda x: torch.cat(torch.std_mean(x, 2), 1), ROWS),
    "norm": (lambda x: x.norm(dim=1), ROWS),
    "logsumexp": (lambda x: x.logsumexp(2), ROWS),
    "average pool": (lambda x: F.avg_pool2d(x, 2, stride=1, padding=1, count_include_pad=False), MAPS),
    "average pool in 1d": (lambda x: F.avg_pool1d(x, 2, ceil_mode=True), ROWS),
    "average pool in 3d": (lambda x: F.avg_pool3d(x, 2), (1, 2, 3, 3)),
    "adaptive pool": (lambda x: F.adaptive_avg_pool2d(x, (3, 2)), MAPS),
    "adaptive pool in 1d": (lambda x: F.adaptive_avg_pool1d(x, 2), ROWS),
    "global pool of channels last": (
        lambda x: F.adaptive_avg_pool2d(x.to(memory_format=torch.channels_last), 1),
        MAPS,
    ),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x.flip(1), x), ROWS),
    "matrix product": (lambda x: x @ (1 + x).mT, ROWS),
    "bilinear resizing": (lambda x: F.interpolate(x, (7, 3), mode="bilinear"), MAPS),
    "bilinear resizing with aligned corners": (
        lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear", align_corners=True),
        MAPS,
    ),
    "smooth resizing": (lambda x: F.interpolate(x, (2, 9), mode="bilinear", antialias=True), MAPS),
    "bicubic resizing": (lambda x: F.interpolate(x, (7, 8), mode="bicubic"), MAPS),
    "linear resizing": (lambda x: F.interpolate(x, 5, mode="linear"), ROWS),
    "trilinear resizing": (lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), (1, 2, 2, 3)),
    "exact nearest neighbours": (lambda x: F.interpolate(x, (7, 3), mode="nearest-exact"), MAPS),
    "resizing by area": (lambda x: F.interpolate(x, (3, 2), mode="area"), MAPS),
    "sampling at constant positions": (lambda x: F.grid_sample(x, grid(x), align_corners=False), MAPS),
    "sampling of a batch, each at its own constant positions": (
        lambda x: F.grid_sample(x.mT.reshape(2, 1, 4, -1), grid(x, items=2), align_corners=False),
        MAPS,
    ),
    "running sum": (lambda x: x.cumsum(2), ROWS),
    "running product": (lambda x: x.cumprod(1), ROWS),
    "running logsumexp": (lambda x: x.logcumsumexp(2), ROWS),
    "fold": (lambda x: F.fold(x, (3, 4), (2, 2)), (4, 6)),
    "fold with padding": (lambda x: F.fold(x, (3, 3), 2, padding=1, stride=2), (4, 4)),
    "scatter_add": (lambda x: x.scatter_add(2, INDEX, x[:, :, :2].flip(1)), ROWS),
    "scatter_reduce": (lambda x: torch.zeros_like(x).scatter_reduce(2, INDEX, x[:, :, 1:], "sum"), ROWS),
    "scatter": (lambda x: x.scatter(2, INDEX[:, :1], 2 * x[:, :1, 1:]), ROWS),
    "scatter_reduce in place of what was there": (
        lambda x: x.scatter_reduce(2, INDEX, x[:, :, 1:], "sum", include_self=False),
        ROWS,
    ),
    "index_reduce in place of what was there": (
        lambda x: x.index_reduce(2, torch.tensor([2, 2]), x[:, :, :2], "mean", include_self=False),
        ROWS,
    ),
    "index_add": (lambda x: x.index_add(2, torch.tensor([2, 2]), x[:, :, :2]), ROWS),
    "add at an index": (
        lambda x: x.index_put((torch.tensor([0, 0]), torch.tensor([1, 1])), x[0], accumulate=True),
        ROWS,
    ),
    "matrix times vector": (lambda x: x[0] @ (1 + x[0, 0]), ROWS),
    "vector times matrix": (lambda x: (1 + x[0, :, 0]) @ x[0], ROWS),
    "inner product": (lambda x: torch.dot(x[0, 0], x[0, 1]), ROWS),
    "outer product": (lambda x: torch.outer(x[0, 0], x[0, 1]), ROWS),
    "sum of matrix and products": (lambda x: torch.addmv(x[0, :, 0], x[0], x[0, 1]), ROWS),
    "convolution with a kernel from the input": (
        lambda x: F.conv2d(x[:, :1], 1 + x[:, :, :2, :2].reshape(2, 1, 2, 2), bias=x[0, :, 4, 3]),
        MAPS,
    ),
    "transposed convolution with such a kernel": (
        lambda x: F.conv_transpose2d(x, 1 + x[:, :, :2, :2].reshape(2, 1, 2, 2), groups=2),
        MAPS,
    ),
    "grouped-query attention": (
        lambda x: F.scaled_dot_product_attention(x, x[:, :2], 1 + x[:, 2:], enable_gqa=True),
        (4, 2, 3),
    ),
    "attention with constant queries": (lambda x: F.scaled_dot_product_attention(ones(x), x, x), ROWS),
    "attention with constant keys": (lambda x: F.scaled_dot_product_attention(x, arange(x), 2 * x), ROWS),
    "attention with constant values": (
        lambda x: F.scaled_dot_product_attention(
            x, x, torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 6.0]])[None].to(x)
        ),
        ROWS,
    ),
    "attention with a bias from the input": (
        lambda x: F.scaled_dot_product_attention(ones(x), ones(x), arange(x), attn_mask=x[:, :, :2]),
        ROWS,
    ),
    "complex numbers": (
        lambda x: torch.view_as_real(
            torch.view_as_complex(x.reshape(1, 3, 2)) * torch.tensor(1 + 2j).to(x.device)
        ),
        ROWS,
    ),
    "rotary embedding": (
        lambda x: x * 0.3 + torch.cat([-x[..., 2:], x[..., :2]], -1) * 0.7,
        (2, 4),
    ),
    "fourier transform": (lambda x: torch.fft.fft(x + 0.1 * x**2, dim=2).abs(), ROWS),
    "real fourier transform": (lambda x: torch.fft.irfft(torch.fft.rfft(x) * (1 + 2j), n=5), (2, 5)),
    "matrix by letters": (lambda x: torch.einsum("bij,bik,bjl->bkl", x, x, 1 + x.mT), ROWS),
    "diagonal by letters": (lambda x: torch.einsum("bii->bi", x @ (1 + x).mT), ROWS),
    "overlapping windows": (lambda x: x.unfold(2, 2, 1), MAPS),
    "running sum of a number": (lambda x: x.sum().cumsum(0), ROWS),
    "index_add of constants": (lambda x: x.index_add(2, torch.tensor([0]), ones(x[:, :, :1])), ROWS),
    "add along an index": (
        lambda x: torch.ops.aten.index_put(x, [None, torch.tensor([0, 0])], x.flip(1), accumulate=True),
        ROWS,
    ),
    "sum of a matrix and constant products": (
        lambda x: torch.addmm(x[0], ones(x[0, :, :2]), ones(x[0])),
        ROWS,
    ),
    "empty slice": (lambda x: torch.cat([x[:, :, :0], x, x[:, 2:].reshape(1, 2, 0)], 2), ROWS),
    "fill with an element": (lambda x: torch.zeros_like(x).fill_(x[0, 0, 0]) + x[:, :, :1], ROWS),
    "einsum": (lambda x: torch.einsum("bij,bkj->bik", x, 1 + x), ROWS),
}


@pytest.mark.parametrize("name", CASES)
def test_paths_follow_the_jacobian(name):
    operation, shape = CASES[name]
    check(operation, shape, depends(operation, shape))


@pytest.mark.parametrize(
    ("operation", "same_windows", "shape"),
    [
        (lambda x: F.max_pool2d(x, 2, ceil_mode=True), lambda x: F.avg_pool2d(x, 2, ceil_mode=True), MAPS),
        (lambda x: F.max_pool1d(x, 2), lambda x: F.avg_pool1d(x, 2), ROWS),
        (lambda x: F.max_pool3d(x, 2), lambda x: F.avg_pool3d(x, 2), (1, 2, 3, 3)),
        (lambda x: F.adaptive_max_pool2d(x, (3, 2)), lambda x: F.adaptive_avg_pool2d(x, (3, 2)), MAPS),
        (lambda x: F.adaptive_max_pool1d(x, 2), lambda x: F.adaptive_avg_pool1d(x, 2), ROWS),
        (lambda x: x.max(2).values, lambda x: x.sum(2), ROWS),
        (lambda x: x.max(2).indices * 1.0, lambda x: x.sum(2), ROWS),
        (lambda x: x.sort(2).values, lambda x: x.sum(2, keepdim=True).expand(1, 2, 3), ROWS),
        (lambda x: x.topk(2, 1).values, lambda x: x.sum(1, keepdim=True).expand(1, 2, 3), ROWS),
        (lambda x: x.kthvalue(2, 2).values, lambda x: x.sum(2), ROWS),
        (lambda x: x.argsort(1) * 1.0, lambda x: x.sum(1, keepdim=True).expand(1, 2, 3), ROWS),
        (lambda x: x.cummax(2).values, lambda x: x.cumsum(2), ROWS),
        (lambda x: x[0][x[0, 0].long()], lambda x: x[0].sum(0) + x[0, 0][:, None], (3, 3)),
        (lambda x: x[:, :, x[0, 0].long()], lambda x: x.sum(2, keepdim=True) + x[0, 0], ROWS),
        (
            lambda x: x.gather(2, x[:, :, :2].long()),
            lambda x: x.sum(2, keepdim=True) + x[:, :, :2],
            ROWS,
        ),
        (
            lambda x: torch.zeros(1, 2, 4).scatter(2, x.long(), x),
            lambda x: x.sum(2, keepdim=True).expand(1, 2, 4),
            ROWS,
        ),
        (
            lambda x: F.grid_sample(x[:, :1], x[:, :1].reshape(1, 5, 2, 2), align_corners=False),
            lambda x: x[:, :1].sum() + x[:, :1].reshape(1, 1, 5, 2, 2).sum(-1),
            MAPS,
        ),
        (
            lambda x: x.index_select(2, x[0, 0].long()),
            lambda x: x.sum(2, keepdim=True) + x[0, 0],
            ROWS,
        ),
        (
            lambda x: torch.rand(5, 2).index_select(0, x[0, 0].long()),
            lambda x: x[0, 0][:, None].expand(3, 2),
            ROWS,
        ),
        (lambda x: torch.rand(5, 2)[x.long()], lambda x: x[..., None].expand(1, 2, 3, 2), ROWS),
        (lambda x: F.embedding(x[0, 0].long(), x[0]), lambda x: x[0].sum(0) + x[0, 0][:, None], ROWS),
        (
            lambda x: torch.rand(5, 4, 5)[x[0, 0].long(), :, x[0, 1].long()],
            lambda x: x[0].sum(0)[:, None].expand(3, 4),
            ROWS,
        ),
        (lambda x: torch.rand(1, 2, 3).gather(2, x.long()), lambda x: x, ROWS),
        (
            lambda x: torch.zeros(1, 2, 4).scatter(2, x.long(), 1.0),
            lambda x: x.sum(2, keepdim=True).expand(1, 2, 4),
            ROWS,
        ),
        (
            lambda x: torch.zeros(1, 2, 4).scatter(1, x[:, :1].long(), 2 * x[:, :1]),
            lambda x: x[:, :1].sum().expand(1, 2, 4),
            ROWS,
        ),
        (
            lambda x: torch.zeros(4, 3).index_put((x[0, 0].long(),), torch.ones(3, 3)),
            lambda x: x[0, 0].sum().expand(4, 3),
            ROWS,
        ),
        (
            lambda x: torch.zeros(4, 3).index_put((x[0, 0].long(),), 2 * x[0, 1:].expand(3, 3)),
            lambda x: x[0, 0].sum() + x[0, 1].expand(4, 3),
            ROWS,
        ),
        (lambda x: (2 * x).index_put((x > 1,), torch.tensor(0.0)), lambda x: x, ROWS),
        (
            lambda x: torch.zeros_like(x).index_put((x.flip(2) > 1,), x[0, 0, 0]),
            lambda x: x.flip(2) + x[0, 0, 0],
            ROWS,
        ),
        (
            lambda x: torch.zeros(3, 4).index_put((x[0, 0] > 1, x[0, 1, :1].long()), torch.tensor(1.0)),
            lambda x: (x[0, 0].sum() + x[0, 1, 0]).expand(3, 4),
            ROWS,
        ),
        (
            lambda x: torch.zeros(3, 4).index_put((torch.arange(3) > 1, x[0, 0, :1].long()), torch.ones(1)),
            lambda x: x[0, 0, 0].expand(3, 4),
            ROWS,
        ),
        (
            lambda x: torch.zeros_like(x).scatter_add(2, INDEX, x),
            lambda x: torch.zeros_like(x).scatter_add(2, INDEX, x[:, :, :2]),
            ROWS,
        ),
        (
            lambda x: x.scatter(2, INDEX, x[:, :, 1:], reduce="add"),
            lambda x: x.scatter_add(2, INDEX, x[:, :, 1:]),
            ROWS,
        ),
        (lambda x: x.scatter(2, INDEX[:, :1], 2.0, reduce="multiply"), lambda x: x, ROWS),
        (lambda x: (i := x[0].long()).gather(1, i) * 1.0, lambda x: x[0].sum(1, keepdim=True) + x[0], ROWS),
        (
            lambda x: torch.zeros(1, 2, 4).scatter_add(2, x.long(), torch.ones(1, 2, 3)),
            lambda x: x.sum(2, keepdim=True).expand(1, 2, 4),
            ROWS,
        ),
        (lambda x: torch.histc(x, 4), lambda x: x.sum().expand(4), ROWS),
        (
            lambda x: torch.bincount(x.flatten().long(), minlength=4) * 1.0,
            lambda x: x.sum().expand(4),
            ROWS,
        ),
        (
            lambda x: roi_align(x, torch.tensor([[0.0, 0, 0, 2, 2]] * 3), 2),
            lambda x: x.sum((2, 3))[..., None, None].expand(3, 2, 2, 2),
            MAPS,
        ),
        (
            lambda x: roi_align(torch.ones(1, 2, 4, 4), x[0, 0], 2),
            lambda x: x[0, 0].sum(1)[:, None, None, None].expand(2, 2, 2, 2),
            (1, 2, 5),
        ),
        (lambda x: F.embedding(x.long(), torch.rand(5, 2)), lambda x: x[..., None].expand(1, 2, 3, 2), ROWS),
        (lambda x: x.masked_fill(x > 1, 0.0), lambda x: x, ROWS),
        (lambda x: torch.where(x > 1, x.flip(1), 0.0), lambda x: x + x.flip(1), ROWS),
        (lambda x: x.amax((2, 3)), lambda x: x.sum((2, 3)), MAPS),
        (lambda x: F.relu(x - 10.0), lambda x: x, ROWS),
        (lambda x: torch.where(x > 0, x, 0.1 * x), lambda x: x, ROWS),
        (nn.BatchNorm1d(2).eval(), lambda x: x, ROWS),
        (nn.LayerNorm(3), lambda x: x, ROWS),
        (nn.GroupNorm(2, 2), lambda x: x, ROWS),
        (nn.InstanceNorm1d(2), lambda x: x, ROWS),
        (nn.Softmax(2), lambda x: x, ROWS),
        (nn.PReLU(), lambda x: x, ROWS),
        (lambda x: F.dropout(x, 0.5, training=True), lambda x: x, ROWS),
    ],
)
def test_paths_follow_an_operation_with_the_same_paths(operation, same_windows, shape):
    check(operation, shape, depends(same_windows, shape))


@pytest.mark.parametrize(
    ("allowed", "arguments"),
    [
        (torch.ones(3, 3).tril(), {"is_causal": True}),
        (torch.eye(3), {"attn_mask": torch.eye(3).bool()}),
        (torch.eye(3), {"attn_mask": torch.eye(3).log()}),
    ],
)
def test_masked_attention_reaches_only_allowed_tokens(allowed, arguments):
    def operation(x):
        return F.scaled_dot_product_attention(x, x, x, **arguments)

    # Query, key and value are the same here, so a token depends on all features of the tokens that it may
    # see.
    check(operation, (3, 2), allowed.bool().repeat_interleave(2, 0).repeat_interleave(2, 1))


def check(operation, shape, jacobian):
    """Compares paths with a Jacobian's pattern, with all and with random weights around the operation."""
    model = Sandwich(operation, shape)
    results, inputs = jacobian.shape
    for seed in range(4):
        torch.manual_seed(seed)
        density = 1.0 if seed == 0 else 0.5
        kept_before, kept_after = torch.rand(inputs) < density, torch.rand(results) < density
        before, after = model.active(kept_before, kept_after)
        alive = jacobian & kept_before & kept_after[:, None]
        assert torch.equal(before, alive.any(0))
        assert torch.equal(after, alive.any(1))


class Inner(nn.Module):
    def forward(self, x):
        return self.work(x)

    def work(self, x):
        return torch.ops.aten._cdist_forward(x, x, 2.0, None)


def test_unknown_operation_is_named_with_its_place():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), Inner()))
    with pytest.raises(UserError, match=r"aten\._cdist.* in 1\.1 \(Inner\) \(.*test_aten\.py, line \d+\)"):
        es.effective_masks(model, {"0.weight": torch.ones(2, 2, dtype=torch.bool)}, (2,))


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda x: x if x.sum() > 0 else -x, "course of the program depends on the values of the input"),
        (lambda x: x[:, x[0, 0].long()], "course of the program"),
        (lambda x: x[x > 0], "its mask depends on the input, and so does the size of its result"),
        (
            lambda x: torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)[1],
            "a further result",
        ),
        (
            lambda x: torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)[1] + 1,
            "a further result",
        ),
        (lambda x: torch.ops.aten._cdist_forward(x, x, 2.0, None), "not understood"),
        (lambda x: F.layer_norm(x, (2,), x[0]), "its scale, shift or statistics depend on the input"),
        (lambda x: x.index_fill(1, x[0].long(), 1.0), "its indices or its mask depend on the input"),
        (lambda x: x.index_add(1, x[0].long(), x), "its indices or its mask depend on the input"),
        (lambda x: torch.ones(3, 4).index_select(1, x[0].long()), "a dimension that is not the first"),
        (
            lambda x: torch.ops.aten.index_put(torch.zeros(2, 4), [None, x[0].long()], torch.ones(2, 2)),
            "behind dimensions that it leaves out",
        ),
        (lambda x: x.as_strided((2, 1), (1, 1)), "strides into memory are not understood"),
        (lambda x: torch.addbmm(x, x[None].mT, x[None]), "use torch.bmm and a sum"),
        (
            lambda x: torch._grouped_mm(x[:, :1].expand(2, 8, 8).bfloat16(), torch.ones(2, 8, 8).bfloat16()),
            "a stack of experts",
        ),
    ],
)
def test_use_that_is_not_understood_is_an_error(operation, message):
    class Model(nn.Module):
        def forward(self, x):
            return operation(x)

    with pytest.raises(UserError, match=message):
        es.connectivity.Connectivity(Model(), (2,))
