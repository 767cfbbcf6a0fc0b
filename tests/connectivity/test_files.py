"""A traced model in a file, and read back where there is no PyTorch."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.errors import UserError
from effective_sparsity.storage import save_tensors


class Everything(nn.Module):
    """A use of every kind of operator."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1, groups=1)
        self.transposed = nn.ConvTranspose2d(4, 4, 3, stride=2, groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.projection = nn.Linear(3, 12)
        self.left = nn.Parameter(torch.ones(3, 4))

    def forward(self, x):
        x = torch.relu(self.norm(self.convolution(x)))
        x = nn.functional.avg_pool2d(self.transposed(x), 2)
        x = nn.functional.adaptive_max_pool2d(x, (5, 3))
        x = torch.cat([x, torch.ones(1, 1, 5, 3)], 1).roll(1, 3)[:, 1:]
        query, key, value = self.projection(x).chunk(3, -1)
        attended = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.left @ (attended.mean(2) + (query @ key.mT).amax(2).sum())[0]


def scores_for(connectivity: Connectivity) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.normal(size=shape) for name, shape in connectivity.shapes.items()}


MODELS = {
    "everything": (Everything, (1, 6, 6)),
    "channel shuffles": (torchvision.models.shufflenet_v2_x0_5, (3, 32, 32)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_connectivity_read_back_gives_the_same_scores(name, tmp_path):
    build, input_shape = MODELS[name]
    connectivity = Connectivity(build(), input_shape)
    connectivity.save(tmp_path / "file")
    back = Connectivity.load(tmp_path / "file")
    assert list(back.shapes.items()) == list(connectivity.shapes.items())
    scores = scores_for(connectivity)
    expected = connectivity.effective_scores(scores)
    for weight, effective in back.effective_scores(scores).items():
        assert np.array_equal(effective, expected[weight])
    assert any((effective != scores[weight]).any() for weight, effective in expected.items())
    masks = {weight: score > 0 for weight, score in scores.items()}
    assert back.flops(masks) == connectivity.flops(masks)


def test_a_connectivity_read_back_refuses_what_the_traced_one_refuses(tmp_path):
    class LowRank(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2, bias=False)
            self.again = self.first
            self.delta = nn.Parameter(torch.zeros(2, 2))

        def forward(self, x):
            return nn.functional.linear(self.again(x), self.first.weight + self.delta)

    connectivity = Connectivity(LowRank(), (2,))
    connectivity.save(tmp_path / "file")
    back = Connectivity.load(tmp_path / "file")
    for name in ("again.weight", "delta", "other"):
        messages = []
        for each in (connectivity, back):
            with pytest.raises(UserError) as error:
                each.effective_masks({name: np.ones((2, 2), bool)})
            messages.append(str(error.value))
        assert messages[0] == messages[1]


def test_nothing_but_tracing_imports_pytorch(tmp_path):
    build, input_shape = MODELS["everything"]
    connectivity = Connectivity(build(), input_shape)
    connectivity.save(tmp_path / "file")
    program = f"""
import sys
import numpy as np
from effective_sparsity.connectivity import Connectivity
connectivity = Connectivity.load({str(tmp_path / "file")!r})
masks = {{name: np.ones(shape, bool) for name, shape in connectivity.shapes.items()}}
connectivity.effective_masks(masks)
connectivity.effective_scores({{name: mask.astype(np.float32) for name, mask in masks.items()}})
connectivity.flops(masks)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def damaged(path, how):
    if how == "cut off":
        path.write_bytes(path.read_bytes()[:-5])
    elif how == "another file":
        save_tensors(path, {"weight": np.ones(3)}, prunable=["weight"])
    elif how == "another version":
        save_tensors(path, {}, format=0, graph={})
    elif how == "an unknown operator":
        content = path.read_bytes()
        path.write_bytes(content.replace(b"WeightTimesActivation", b"WeightTimesActivatiom"))
    elif how == "a missing array":
        content = path.read_bytes()
        path.write_bytes(content.replace(b'\\"array\\": \\"0\\"', b'\\"array\\": \\"x\\"'))
    elif how == "a missing number":
        content = path.read_bytes()
        path.write_bytes(content.replace(b"keepdim", b"keepdin"))


@pytest.mark.parametrize(
    "how",
    [
        "cut off",
        "another file",
        "another version",
        "an unknown operator",
        "a missing array",
        "a missing number",
    ],
)
def test_a_damaged_file_is_refused_in_one_line(how, tmp_path):
    path = tmp_path / "file"
    Connectivity(Everything(), (1, 6, 6)).save(path)
    before = path.read_bytes()
    damaged(path, how)
    assert path.read_bytes() != before
    with pytest.raises(UserError, match=r"file: .*delete it and") as error:
        Connectivity.load(path)
    assert "\n" not in str(error.value)
