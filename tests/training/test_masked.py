import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from effective_sparsity.errors import UserError
from effective_sparsity.training import checkpoint
from effective_sparsity.training.augmentation import augment, draw
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.masked import evaluate, train_masked

WIDTHS = (64, 12, 5)


@pytest.fixture
def masks(random_masks):
    return random_masks(WIDTHS, (0.3, 0.5))


def reference(model, masks, data, recipe, seed):
    """The recipe step by step, every formula written out."""
    parameters = dict(model.named_parameters())
    masks = {name: torch.from_numpy(mask) for name, mask in masks.items()}
    velocity = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    batches = Batches(len(data.train_labels), recipe.batch_size, seed)
    for name, mask in masks.items():
        parameters[name].data *= mask
    model.train()
    for step in range(recipe.steps):
        indices = batches.indices(step)
        drawn = draw(recipe.augmentation, batches.random(step), len(indices))
        images = torch.from_numpy(augment(recipe.augmentation, data.train_images, indices, drawn))
        images = (images / 255 - data.mean[0]) / data.std[0]
        loss = cross_entropy(model(images), torch.from_numpy(data.train_labels[indices]))
        gradients = torch.autograd.grad(loss, parameters.values())
        with torch.no_grad():
            for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
                is_kernel = name.startswith("fc") and name.endswith("weight")
                step_direction = gradient + (recipe.weight_decay if is_kernel else 0) * parameter
                velocity[name] = recipe.momentum * velocity[name] + step_direction * masks.get(name, 1)
                parameter -= recipe.rate(step) * velocity[name]


@pytest.mark.parametrize("augmentation", ["rotation", "flip_shift", "none"])
def test_training_is_the_recipe_written_out(
    perceptron, state_of, small_data, recipe, run, masks, augmentation
):
    settings = recipe(steps=30, milestones=(15,), augmentation=augmentation, weight_decay=0.01)
    model, expected = perceptron(WIDTHS), perceptron(WIDTHS)
    trained = train_masked(model, masks, run(small_data, settings, 3))
    reference(expected, masks, small_data, settings, 3)
    for name, array in state_of(expected).items():
        np.testing.assert_allclose(trained.state[name], array, rtol=1e-4, atol=1e-5, err_msg=name)
    assert (trained.status, trained.steps) == ("ok", 30)


def test_masked_weights_are_exactly_zero_at_every_evaluation_and_at_the_end(
    perceptron, small_data, recipe, run, masks, monkeypatch
):
    model = perceptron(WIDTHS)
    revived = []
    evaluation_mode = model.eval

    def checked_eval():
        revived.extend(
            (model.get_parameter(name)[~torch.from_numpy(mask)] != 0).any() for name, mask in masks.items()
        )
        return evaluation_mode()

    monkeypatch.setattr(model, "eval", checked_eval)
    trained = train_masked(model, masks, run(small_data, recipe(weight_decay=0.1)))
    assert len(revived) >= 6 and not any(revived)
    for name, mask in masks.items():
        assert not trained.state[name][~mask].any()
        assert trained.state[name][mask].all()


def test_only_kernels_decay(perceptron, state_of, small_data, recipe, run):
    """With a rate that only decay can notice, everything but the kernels stays what it is without decay."""
    plain, decayed = (
        train_masked(
            perceptron(WIDTHS), {}, run(small_data, recipe(steps=1, milestones=(), weight_decay=decay))
        ).state
        for decay in (0.0, 1.0)
    )
    initial = state_of(perceptron(WIDTHS))
    for name in initial:
        expected = plain[name]
        if name in ("fc1.weight", "fc2.weight"):
            expected = expected - 0.05 * initial[name]
        np.testing.assert_allclose(decayed[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_history_has_a_row_for_each_evaluation(perceptron, small_data, recipe, run):
    model = perceptron(WIDTHS)
    trained = train_masked(model, {}, run(small_data, recipe()))
    assert trained.history["step"].tolist() == [25, 50, 60]
    assert (trained.test_loss, trained.test_accuracy) == evaluate(model, small_data, "cpu")
    assert trained.test_accuracy > 0.9


def test_the_log_has_the_accuracy_of_each_evaluation(perceptron, small_data, recipe, run, masks, caplog):
    caplog.set_level("INFO")
    trained = train_masked(perceptron(WIDTHS), masks, run(small_data, recipe()))
    logged = [float(accuracy) for accuracy in re.findall(r"test accuracy (.*?) %", caplog.text)]
    assert logged == pytest.approx(100 * trained.evaluations["test_accuracy"], abs=0.006)


def test_evaluation_uses_running_statistics(perceptron, small_data):
    model = perceptron(WIDTHS)
    alone = small_data.__class__(
        **vars(small_data)
        | {"test_images": small_data.test_images[:1], "test_labels": small_data.test_labels[:1]}
    )
    loss, accuracy = evaluate(model, alone, "cpu")
    assert np.isfinite(loss) and accuracy in (0.0, 1.0)


def test_convolutions_train_too(small_data, recipe, run):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 36, 5),
        nn.BatchNorm1d(5),
    )
    masks = {"0.weight": np.arange(36).reshape(4, 1, 3, 3) % 2 == 0}
    trained = train_masked(model, masks, run(small_data, recipe(augmentation="none")))
    assert not trained.state["0.weight"][~masks["0.weight"]].any()
    assert trained.test_accuracy > 0.5


def test_divergence_is_a_status_and_not_a_crash(perceptron, small_data, recipe, run):
    trained = train_masked(perceptron(WIDTHS), {}, run(small_data, recipe(learning_rate=1e30)))
    assert trained.status == "diverged"
    assert trained.steps < 60
    assert np.isnan(trained.test_accuracy)


def test_a_killed_run_goes_on_to_the_identical_result(
    perceptron, small_data, recipe, run, masks, tmp_path, monkeypatch
):
    expected = train_masked(perceptron(WIDTHS), masks, run(small_data, recipe()))
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    work = tmp_path / "state"
    for writes in (10, 31):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoint.Checkpoint, "save", killed_after(writes))
            train_masked(perceptron(WIDTHS), masks, run(small_data, recipe(), 0, work))
    resumed = train_masked(perceptron(WIDTHS), masks, run(small_data, recipe(), 0, work))
    for name, array in expected.state.items():
        np.testing.assert_array_equal(resumed.state[name], array, err_msg=name, strict=True)
    assert resumed.history.equals(expected.history)
    assert resumed.steps == 60


def killed_after(writes):
    """`Checkpoint.save` that writes so many times and is interrupted then."""
    save, left = checkpoint.Checkpoint.save, iter(range(writes))

    def interrupted(self, arrays):
        if next(left, None) is None:
            raise KeyboardInterrupt
        save(self, arrays)

    return interrupted


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(perceptron, small_data, recipe, run, device):
    with pytest.raises(UserError, match=f"device: '{device}'"):
        train_masked(perceptron(WIDTHS), {}, run(small_data, recipe(), device=device))


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"fc9.weight": np.ones((12, 64), bool)}, "fc9.weight"),
        ({"bn1.weight": np.ones(12, bool)}, "bn1.weight"),
        ({"fc1.weight": np.ones((64, 12), bool)}, r"\(64, 12\)"),
        ({"fc1.weight": np.ones((12, 64))}, "float64"),
    ],
)
def test_a_mask_that_fits_no_kernel_is_refused(perceptron, small_data, recipe, run, masks, message):
    with pytest.raises(UserError, match=message):
        train_masked(perceptron(WIDTHS), masks, run(small_data, recipe()))
