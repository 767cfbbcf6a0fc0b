"""Compiled kernels are cached on disk: nothing that they depend on may be missing from the cache's key."""

import ast
import hashlib
import inspect
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from effective_sparsity.networks.layers import fully_connected
from effective_sparsity.training import packed
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.packed import engine, lanes

FOLDER = Path(packed.__file__).parent
# Modules that no kernel is made of: they prepare the arguments.
ARGUMENTS = {"engine.py", "ensemble.py", "memory.py"}


@pytest.mark.parametrize("epsilon", [1e-3, 10.0])
def test_another_epsilon_of_batch_norm_changes_the_result(
    epsilon, perceptron, state_of, small_data, recipe, run, monkeypatch
):
    """Kernels that a cache holds from before, too: both cases run the same ones."""
    once = recipe(steps=1, milestones=(), augmentation="none")
    initial = state_of(perceptron((64, 12, 5)))
    monkeypatch.setattr(engine, "BATCH_NORM_EPSILON", epsilon)
    (trained,) = engine.train_packed(fully_connected(12), initial, [{}], run(small_data, once))

    model = perceptron((64, 12, 5)).double()
    model.bn1.eps = model.bn2.eps = epsilon
    indices = Batches(420, 20, 0).indices(0)
    images = (torch.from_numpy(small_data.train_images[indices]) / 255.0 - 0.45) / 0.25
    loss = cross_entropy(model(images.double()), torch.from_numpy(small_data.train_labels[indices]))
    assert trained.history.train_loss.item() == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_kernels_are_made_of_nothing_outside_their_folder(path):
    if path.name in ARGUMENTS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("effective_sparsity"):
            if node.module == "effective_sparsity.compiled":
                continue  # no part of a kernel
            assert node.module.startswith("effective_sparsity.training.packed.")
            assert f"{node.module.rpartition('.')[2]}.py" not in ARGUMENTS


def test_the_key_covers_the_folder():
    """`RowType` is the type of an argument of every kernel that computes with rows."""
    sources = b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.py")))
    assert hashlib.sha256(sources).hexdigest()[:12] in lanes.RowType(3).name
    for kernel in (engine.train_step, engine.evaluate_batch):
        assert "batch" in inspect.signature(kernel.py_func).parameters
    assert set(engine.fill_inputs.py_func.__code__.co_names) == {
        "shape",
        "range",
        "divmod",
    }  # no global number
