"""A full disk, a loss that is not finite, an interrupted write, two runs with one file: for every engine."""

import os
import subprocess
import sys

import numpy as np
import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.networks.layers import fully_connected
from effective_sparsity.training import checkpoint
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.checkpoint import Checkpoint
from effective_sparsity.training.masked import train_masked
from effective_sparsity.training.packed.engine import train_packed

WIDTHS = (64, 12, 5)


@pytest.fixture(params=["masked", "packed"])
def train(request, perceptron, state_of, random_masks, small_data, recipe, run):
    """A function that trains and returns the first result: of a work file and settings of the recipe."""
    masks = [random_masks(WIDTHS, (0.5, 0.5), seed) for seed in range(2)]

    def masked(settings, work):
        return train_masked(perceptron(WIDTHS), masks[0], run(small_data, settings, 0, work))

    def packed(settings, work):
        return train_packed(
            fully_connected(12), state_of(perceptron(WIDTHS)), masks, run(small_data, settings, 0, work)
        )[0]

    engine = {"masked": masked, "packed": packed}[request.param]
    return lambda work=None, **settings: engine(recipe(**settings), work)


@pytest.fixture
def _write_always(monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)


def assert_same(one, other):
    for name, array in other.state.items():
        np.testing.assert_array_equal(one.state[name], array, err_msg=name, strict=True)
    assert one.history.equals(other.history)
    assert (one.status, one.steps) == (other.status, other.steps)


class Killed(BaseException):
    """In place of kill -9, which no `except Exception` can stop either."""


def after(calls, error, function):
    """`function`, which raises the error from the so manyth call on."""
    left = iter(range(calls))

    def failing(*arguments):
        if next(left, None) is None:
            raise error
        return function(*arguments)

    return failing


@pytest.mark.usefixtures("_write_always")
@pytest.mark.parametrize("writes", [0, 20])
def test_a_full_disk_stops_no_training(train, tmp_path, monkeypatch, caplog, writes):
    expected = train()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", after(writes, OSError(28, "No space left on device"), os.fsync))
        assert_same(train(tmp_path / "state"), expected)
    assert f"{tmp_path / 'state'}: training state not written, training continues" in caplog.text
    # What was written before is whole, and is gone on from.
    assert [path.name for path in tmp_path.iterdir()] == ["state"] * bool(writes)
    assert_same(train(tmp_path / "state"), expected)


def test_a_disk_too_full_for_a_lock_stops_no_training(train, tmp_path, monkeypatch, caplog):
    class Full(checkpoint.FileLock):
        def acquire(self, *_, **__):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "FileLock", Full)
    assert_same(train(tmp_path / "state"), train())
    assert "cannot be locked" in caplog.text


@pytest.mark.usefixtures("_write_always")
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_state_before_it(train, tmp_path, monkeypatch, moment):
    expected = train()
    work = tmp_path / "state"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        if moment == "fsync":
            patch.setattr(os, "fsync", after(20, Killed(), os.fsync))
        else:
            replace = type(work).replace
            patch.setattr(type(work), "replace", after(20, Killed(), replace))
        # A killed process cleans nothing up.
        patch.setattr(type(work), "unlink", lambda *_, **__: None)
        train(work)
    assert len(list(tmp_path.glob(".state.*[0-9]"))) == 1
    steps = []
    indices = Batches.indices
    monkeypatch.setattr(Batches, "indices", lambda self, step: steps.append(step) or indices(self, step))
    assert_same(train(work), expected)
    assert steps == list(range(20, 60))
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.usefixtures("_write_always")
def test_a_run_that_diverged_is_not_run_again(train, tmp_path, monkeypatch):
    diverged = train(tmp_path / "state", learning_rate=1e30)
    assert diverged.status == "diverged" and np.isnan(diverged.test_loss)
    monkeypatch.setattr(Batches, "indices", None)
    assert_same(train(tmp_path / "state", learning_rate=1e30), diverged)


def test_a_second_run_with_the_same_file_is_refused_and_harms_nothing(train, tmp_path):
    work = tmp_path / "state"
    expected = train(work, steps=20, milestones=())
    content = work.read_bytes()
    with (
        Checkpoint(work, "the first"),
        pytest.raises(UserError, match="state: another run is training with this file"),
    ):
        train(work)
    assert work.read_bytes() == content
    assert_same(train(work, steps=20, milestones=()), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path):
    work = tmp_path / "state"
    code = f"""
import signal
from effective_sparsity.training.checkpoint import Checkpoint
with Checkpoint({str(work)!r}, "run"):
    print("held", flush=True)
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            with pytest.raises(UserError, match="another run"), Checkpoint(work, "run"):
                pass
        finally:
            process.kill()
    with Checkpoint(work, "run") as held:
        held.save({"a": np.zeros(1)})
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_two_different_runs_have_files_of_their_own_in_one_folder(train, tmp_path):
    one, other = train(tmp_path / "one"), train(tmp_path / "other", learning_rate=0.01)
    assert_same(train(tmp_path / "one"), one)
    assert_same(train(tmp_path / "other", learning_rate=0.01), other)
