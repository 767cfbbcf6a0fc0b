"""Precision, layout and compilation change how networks are trained, not what is trained."""

import shutil

import numpy as np
import pytest
import torch

from effective_sparsity.errors import UserError
from effective_sparsity.training import checkpoint, device
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.masked import evaluate, train_masked

WIDTHS = (64, 12, 5)
CPU, CUDA = torch.device("cpu"), torch.device("cuda")

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")


@pytest.fixture
def masks(random_masks):
    return random_masks(WIDTHS, (0.3, 0.5))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "float16"}, "precision: 'float16' is unknown; use float32, tf32, bfloat16"),
        ({"compile": "yes"}, "compile: 'yes' is unknown; use True, False"),
        ({"deterministic": "auto"}, "deterministic: 'auto'"),
    ],
)
def test_unknown_options_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Execution(**settings)


def test_options_are_found_among_the_settings_of_a_study():
    assert Execution.of({"seeds": [0]}) == Execution()
    study = {"results": "results", "device": "cpu", "precision": "tf32", "compile": True}
    assert Execution.of(study) == Execution(device="cpu", precision="tf32", compile=True)


def test_nothing_is_compiled_unless_asked():
    assert device.compiled(len, Execution(precision="bfloat16"), CPU) is len


def test_a_cpu_gets_channels_last():
    assert device.channels_last(Execution(), CPU)
    assert not device.channels_last(Execution(channels_last=False), CPU)


def test_a_gpu_gets_channels_last_where_its_kernels_use_them():
    assert not device.channels_last(Execution(), CUDA)
    assert device.channels_last(Execution(precision="tf32"), CUDA)
    assert not device.channels_last(Execution(precision="tf32", channels_last=False), CUDA)


def state_of_switches():
    backends = torch.backends
    return (
        backends.cuda.matmul.allow_tf32,
        backends.cudnn.allow_tf32,
        backends.cudnn.benchmark,
        backends.cudnn.deterministic,
        torch.are_deterministic_algorithms_enabled(),
    )


@pytest.mark.parametrize(
    ("execution", "expected"),
    [
        (Execution(), (False, False, True, False, False)),
        (Execution(precision="tf32"), (True, True, True, False, False)),
        (Execution(precision="bfloat16"), (False, False, True, False, False)),
        (Execution(deterministic=True), (False, False, False, True, True)),
    ],
)
def test_switches_of_pytorch_are_set_and_put_back(execution, expected, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    before = state_of_switches()
    with pytest.raises(ZeroDivisionError), device.switches(execution):
        assert state_of_switches() == expected
        raise ZeroDivisionError
    assert state_of_switches() == before


def test_cudnn_searches_for_algorithms_in_training_and_not_in_evaluation(
    perceptron, small_data, recipe, run, masks
):
    model = perceptron(WIDTHS)
    seen = set()
    model.register_forward_hook(
        lambda module, *_: seen.add((module.training, torch.backends.cudnn.benchmark))
    )
    train_masked(model, masks, run(small_data, recipe()))
    evaluate(model, small_data, "cpu")
    assert seen == {(True, True), (False, False)}


def test_bfloat16_rounds_the_network_and_not_the_weights(perceptron, small_data, recipe, run, masks):
    model = perceptron(WIDTHS)
    seen = set()
    model.fc1.register_forward_hook(lambda layer, inputs, output: seen.add((layer.training, output.dtype)))
    trained = train_masked(model, masks, run(small_data, recipe(), precision="bfloat16"))
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    exact = train_masked(perceptron(WIDTHS), masks, run(small_data, recipe()))
    for name, mask in masks.items():
        assert trained.state[name].dtype == np.float32
        assert not trained.state[name][~mask].any()
        assert (trained.state[name][mask] != exact.state[name][mask]).any()
    assert trained.test_accuracy > 0.9


def test_the_state_of_another_precision_is_not_gone_on_from(
    perceptron, small_data, recipe, run, masks, tmp_path, caplog
):
    work = tmp_path / "state"
    train_masked(perceptron(WIDTHS), masks, run(small_data, recipe(steps=3, milestones=()), 0, work))
    other = run(small_data, recipe(steps=3, milestones=()), 0, work, precision="bfloat16")
    train_masked(perceptron(WIDTHS), masks, other)
    assert "another run" in caplog.text


def convolutional():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 4, 3),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 5),
        torch.nn.BatchNorm1d(5),
    )


def test_channels_last_changes_nothing_but_the_layout(small_data, recipe, run, tmp_path, monkeypatch):
    settings = recipe(augmentation="flip_shift")
    masks = {"3.weight": np.random.default_rng(0).random((4, 4, 3, 3)) < 0.5}
    expected = train_masked(convolutional(), masks, run(small_data, settings))
    model = convolutional()
    layouts = set()
    model[0].register_forward_hook(
        lambda layer, inputs, output: layouts.add(output.is_contiguous(memory_format=torch.channels_last))
    )
    work = tmp_path / "state"
    interrupt_after(
        30,
        monkeypatch,
        lambda: train_masked(model, masks, run(small_data, settings, 0, work, channels_last=True)),
    )
    trained = train_masked(convolutional(), masks, run(small_data, settings, 0, work, channels_last=True))
    assert True in layouts
    assert_close(trained, expected)
    assert not trained.state["3.weight"][~masks["3.weight"]].any()


@needs_compiler
def test_a_compiled_model_gives_and_goes_on_to_the_same_result(
    perceptron, small_data, recipe, run, masks, tmp_path, monkeypatch
):
    expected = train_masked(perceptron(WIDTHS), masks, run(small_data, recipe()))
    work = tmp_path / "state"

    def train(compile):
        return train_masked(perceptron(WIDTHS), masks, run(small_data, recipe(), 0, work, compile=compile))

    interrupt_after(20, monkeypatch, lambda: train(True))
    interrupt_after(40, monkeypatch, lambda: train(False))
    trained = train(True)
    assert trained.state.keys() == expected.state.keys()
    assert_close(trained, expected)
    for name, mask in masks.items():
        assert not trained.state[name][~mask].any()


def interrupt_after(step, monkeypatch, train):
    save = checkpoint.Checkpoint.save

    def interrupted(self, arrays):
        save(self, arrays)
        if arrays["step"][0] == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "INTERVAL", 0)
        patch.setattr(checkpoint.Checkpoint, "save", interrupted)
        train()


def assert_close(trained, expected):
    for name, array in expected.state.items():
        np.testing.assert_allclose(trained.state[name], array, rtol=1e-3, atol=1e-3, err_msg=name)
    np.testing.assert_allclose(trained.history, expected.history, rtol=1e-3, atol=1e-3)
    assert (trained.status, trained.steps) == (expected.status, expected.steps)
