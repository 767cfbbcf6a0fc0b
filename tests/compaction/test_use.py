"""What one does with a compacted network: load it, export it, compile it, write it to files."""

import copy
import math

import pytest
import torch
from safetensors.torch import save_file

import effective_sparsity as es
from effective_sparsity.__main__ import main
from effective_sparsity.compaction import compaction, load_sparse, save_onnx, save_sparse
from effective_sparsity.errors import DamagedFileError

SHAPE = (1, 6, 6)
MODULE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 3))
"""


def build():
    namespace = {}
    exec(MODULE, namespace)
    return namespace["build"]()


def masks_of(model):
    """A tenth of the weights; two channels of the first layer are dead but for their biases."""
    torch.manual_seed(1)
    masks = {
        name: torch.rand_like(parameter) < 0.1
        for name, parameter in model.named_parameters()
        if parameter.ndim > 1
    }
    masks["0.weight"][:2] = False
    return masks


@pytest.fixture(scope="module")
def model():
    return build().eval()


@pytest.fixture(scope="module")
def small(model):
    return es.compact(model, masks_of(model), SHAPE)


def test_its_state_goes_through_a_file(model, small, tmp_path):
    torch.save(small.state_dict(), tmp_path / "state.pt")
    other = copy.deepcopy(small)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert set(small.state_dict()) >= set(model.state_dict())


def test_it_can_be_exported(small):
    x = torch.randn(4, *SHAPE)
    program = torch.export.export(small, (x,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    torch.testing.assert_close(program.module()(x[:3]), small(x[:3]))


def test_it_can_be_compiled(small):
    x = torch.randn(2, *SHAPE)
    torch.testing.assert_close(torch.compile(small, backend="aot_eager")(x), small(x))


@pytest.mark.parametrize("sparse", [False, True])
def test_onnx_runtime_computes_the_same(small, tmp_path, sparse):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    file = tmp_path / "small.onnx"
    save_onnx(small, SHAPE, file, sparse=sparse)
    x = torch.randn(5, *SHAPE)
    session = onnxruntime.InferenceSession(file)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), small(x).detach())
    assert bool(onnx.load(file).graph.sparse_initializer) == sparse


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sparse_files_hold_the_whole_state(small, tmp_path, dtype):
    state = copy.deepcopy(small).to(dtype).state_dict() | {
        "count": torch.tensor(3),
        "none": torch.zeros(0, 2),
    }
    save_sparse(state, tmp_path / "state.safetensors")
    loaded = load_sparse(tmp_path / "state.safetensors")
    assert list(loaded) == list(state)
    assert all(loaded[name].dtype == state[name].dtype for name in state)
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_sparse_files_take_a_bit_per_weight_and_the_values(tmp_path):
    weight = torch.zeros(1000, 1000)
    weight[:10] = 1
    save_sparse({"weight": weight}, tmp_path / "sparse.safetensors")
    size = (tmp_path / "sparse.safetensors").stat().st_size
    assert 0 < size - (math.ceil(weight.numel() / 8) + 4 * 10_000) < 1000


def test_other_files_are_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "dense.safetensors")
    (tmp_path / "text.safetensors").write_text("text")
    for name in ("dense", "text"):
        with pytest.raises(DamagedFileError, match=name):
            load_sparse(tmp_path / f"{name}.safetensors")


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    (tmp_path / "own_network.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    save_file(masks_of(model), "masks.safetensors")
    return tmp_path


def test_the_command_writes_the_network_and_says_what_was_cut(folder, small, capsys):
    arguments = ["own_network:build", "--input-shape", "1,6,6", "--masks", "masks.safetensors"]
    assert main(["compact", *arguments, "--output", "small.pt2"]) == 0
    x = torch.randn(3, *SHAPE)
    torch.testing.assert_close(torch.export.load("small.pt2").module()(x), small(x))
    printed = capsys.readouterr().out
    assert "of 16" in printed
    assert f"{sum(p.numel() for p in small.parameters()):,} after" in printed


def test_the_command_refuses_programs_without_layers(folder, model, capsys):
    torch.export.save(torch.export.export(model, (torch.zeros(1, *SHAPE),)), "model.pt2")
    assert main(["compact", "model.pt2", "--input-shape", "1,6,6", "--output", "small.pt2"]) == 2
    assert "model.pt2 has no layer that can be narrowed" in capsys.readouterr().err
    assert not (folder / "small.pt2").exists()


def test_its_masks_are_those_of_what_is_left(model):
    result = compaction(model, masks_of(model), SHAPE)
    for name, mask in result.masks.items():
        weight = result.model.get_parameter(name)
        assert mask.shape == weight.shape
        assert torch.equal(mask, weight != 0)
